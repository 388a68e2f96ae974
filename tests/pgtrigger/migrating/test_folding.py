"""Fields and indexes of a new model are folded into its CreateModel."""

from django.db import migrations, models
from django.db.migrations.state import ProjectState

from pgtrigger.migrating.folding import folded
from tests.pgtrigger.throwaway import shape

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
