"""Fields and indexes of a new model are folded into its CreateModel."""

import pytest
from django.db import migrations, models
from django.db.migrations.state import ProjectState

from pgtrigger.migrating.folding import folded
from tests.pgtrigger.throwaway import execute, shape

KEY = ("id", models.BigAutoField(primary_key=True))


def create(name, *fields):
    return migrations.CreateModel(name, [KEY, *fields], options={"indexes": []})


def refer(name, to):
    return migrations.AddField(name, "other", models.ForeignKey(to, models.CASCADE, null=True))


def index(name, *fields):
    return migrations.AddIndex(
        name, models.Index(fields=fields, name=f"{name}_{fields[0]}".lower())
    )


def options_and_fields(operations):
    state = ProjectState()
    for operation in operations:
        operation.state_forwards("shop", state)
    return {
        key: (sorted(model.fields), [each.name for each in model.options["indexes"]])
        for key, model in state.models.items()
    }


def test_each_model_becomes_one_operation():
    operations = [
        *(create("Entry"), create("Owner")),
        *(index("Owner", "id"), refer("Entry", "shop.Owner"), index("Entry", "other")),
    ]
    result = folded(operations, "shop")
    assert shape(result) == ["CreateModel owner", "CreateModel entry"]
    assert options_and_fields(result) == options_and_fields(operations)


def test_a_model_that_another_operation_needs_stays_where_it_is():
    operations = [
        *(create("Owner"), create("Entry")),
        *(refer("Entry", "shop.Owner"), migrations.RunSQL("SELECT 1"), index("Owner", "id")),
    ]
    result = folded(operations, "shop")
    assert shape(result)[0] == "CreateModel owner"
    assert [type(each).__name__ for each in result][-1] == "AddIndex"
    assert options_and_fields(result) == options_and_fields(operations)


def test_models_that_refer_to_each_other_are_created_in_an_order_that_works():
    operations = [
        *(create("Entry"), create("Owner")),
        *(refer("Entry", "shop.Owner"), refer("Owner", "shop.Entry")),
    ]
    result = folded(operations, "shop")
    assert options_and_fields(result) == options_and_fields(operations)
    created = set()
    for operation in result:
        names = {name for name in ("entry", "owner") if operation.references_model(name, "shop")}
        if isinstance(operation, migrations.CreateModel):
            created.add(operation.name_lower)
        assert names <= created


def test_operations_on_models_of_earlier_migrations_are_kept():
    operations = [refer("Entry", "shop.Owner"), index("Entry", "other")]
    assert folded(operations, "shop") == operations


class TestDeletedModels:
    ENTRY = """
class Owner(models.Model):
    pass

class {name}(models.Model):
    {fields}
    owner = models.ForeignKey(Owner, models.CASCADE)

    class Meta:
        indexes = [models.Index(fields=["owner", "id"], name="by_owner")]
        constraints = [models.UniqueConstraint(fields=["owner"], name="one")]
"""

    @pytest.mark.django_db
    def test_an_index_on_a_foreign_key_can_be_created_again(self, app):
        """The models refer to each other, so that Django removes the foreign keys first."""
        app.declare(
            self.ENTRY.format(name="Entry", fields="")
            + "    other = models.ForeignKey('Other', models.CASCADE)\n"
            "class Other(models.Model):\n"
            "    entry = models.ForeignKey(Entry, models.CASCADE)\n"
            "    class Meta:\n"
            "        indexes = [models.Index(fields=['entry'], name='by_entry')]\n"
        )
        app.makemigrations()
        app.migrate()
        app.declare("class Owner(models.Model):\n    pass\n")
        app.makemigrations()
        app.migrate()
        app.migrate("0001")
        names = execute("SELECT indexname FROM pg_indexes WHERE tablename LIKE 'throwaway%'")
        assert {("by_owner",), ("one",), ("by_entry",)} <= set(names)


@pytest.mark.django_db
@pytest.mark.parametrize("options", ["", "db_table = 'renamed'"])
def test_a_renamed_model_with_an_index_and_a_model_that_refers_to_it(app, options):
    app.declare("class Entry(models.Model):\n    number = models.IntegerField(default=0)\n")
    app.makemigrations()
    app.migrate()
    app.declare(
        f"""
class Record(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["number"], name="by_number")]
        {options}

class Other(models.Model):
    record = models.ForeignKey(Record, models.CASCADE)
"""
    )
    assert shape(app.makemigrations())[0] == "RenameModel entry record"
    app.migrate()
    assert not app.has_changes()
    app.migrate("zero")
