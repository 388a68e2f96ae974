"""``squashmigrations`` over the operations of event tables."""

from django.db import models
from django.db.migrations.operations import (
    AddField,
    AddIndex,
    CreateModel,
    DeleteModel,
    RemoveField,
    RemoveIndex,
    RenameModel,
)
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.writer import OperationWriter

from pghistory.operations import Backfill, Partition


def squashed(*operations):
    return MigrationOptimizer().optimize(list(operations), "shop")


def create(name):
    return CreateModel(name, [("pgh_id", models.BigAutoField(primary_key=True))])


PARTITION = Partition("OrderEvent", every=1000)


class TestPartition:
    def test_goes_with_its_event_model(self):
        operations = [create("OrderEvent"), PARTITION, create("Line"), DeleteModel("OrderEvent")]
        assert [each.name for each in squashed(*operations)] == ["Line"]

    def test_stays_if_the_event_model_does(self):
        operations = squashed(create("OrderEvent"), PARTITION, create("Line"))
        assert operations[1] is PARTITION

    def test_lets_operations_on_other_models_be_folded(self):
        field = AddField("line", "number", models.IntegerField())
        operations = [create("OrderEvent"), create("Line"), PARTITION, field]
        folded = squashed(*operations)
        assert folded[:2] == [operations[0], PARTITION]
        assert [name for name, _ in folded[2].fields] == ["pgh_id", "number"]

    def test_lets_columns_of_its_event_model_be_folded(self):
        field = AddField("orderevent", "number", models.IntegerField())
        created, partition = squashed(create("OrderEvent"), PARTITION, field)
        assert [name for name, _ in created.fields] == ["pgh_id", "number"]
        assert partition is PARTITION

    def test_keeps_its_place_before_a_renaming_of_its_event_model(self):
        operations = [create("OrderEvent"), PARTITION, RenameModel("OrderEvent", "SaleEvent")]
        assert squashed(*operations) == operations

    def test_nothing_is_left_of_an_event_model_that_lost_its_columns_before(self):
        operations = [
            create("OrderEvent"),
            AddField("orderevent", "number", models.IntegerField()),
            AddIndex("orderevent", models.Index(fields=["number"], name="by_number")),
            PARTITION,
            RemoveIndex("orderevent", "by_number"),
            RemoveField("orderevent", "number"),
            create("Line"),
            DeleteModel("OrderEvent"),
        ]
        assert [each.name for each in squashed(*operations)] == ["Line"]


class TestBackfill:
    def test_an_elidable_one_is_left_out(self):
        operations = squashed(create("OrderEvent"), Backfill("OrderEvent", elidable=True))
        assert [type(each) for each in operations] == [CreateModel]

    def test_any_other_one_stays(self):
        operations = [create("OrderEvent"), Backfill("OrderEvent")]
        assert squashed(*operations) == operations

    def test_a_migration_can_be_written_with_it(self):
        text, imports = OperationWriter(Backfill("OrderEvent", elidable=True), 0).serialize()
        assert "elidable=True" in text
        assert imports == {"import pghistory.operations"}
