"""Operations on triggers do not keep Django from folding its own."""

import pytest
from django.db import migrations, models
from django.db.migrations.optimizer import MigrationOptimizer

from pgtrigger import compiler
from pgtrigger.migrations import AddTrigger, RemoveTrigger
from tests.pgtrigger.throwaway import shape

KEY = ("id", models.BigAutoField(primary_key=True))
NUMBER = ("number", models.IntegerField(default=0))
CREATE = migrations.CreateModel("Entry", [KEY, NUMBER])
TEXT = models.CharField(max_length=10, default="")


def add(model="entry", name="kept", condition="", replaces=False):
    sql = compiler.UpsertTriggerSql(
        pgid=f"pgtrigger_{name}_12345",
        table="throwaway_entry",
        func="RETURN NEW;",
        operation="UPDATE",
        when="BEFORE",
        condition=condition,
    )
    return AddTrigger(model, compiler.Trigger(name=name, sql=sql), replaces=replaces)


def remove(model="entry", name="kept"):
    return RemoveTrigger(model, name)


def optimized(*operations):
    return MigrationOptimizer().optimize([*operations], "throwaway")


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("entry", "text", TEXT),
        migrations.AlterField("entry", "number", models.BigIntegerField()),
        migrations.RemoveField("entry", "number"),
        migrations.RenameField("entry", "number", "amount"),
        migrations.AlterModelOptions("entry", {"verbose_name": "an entry"}),
        migrations.AlterModelManagers("entry", []),
        migrations.AlterUniqueTogether("entry", {("id", "number")}),
        migrations.AddIndex("entry", models.Index(fields=["number"], name="by_number")),
        migrations.AddConstraint(
            "entry", models.UniqueConstraint(fields=["number"], name="one_number")
        ),
        migrations.AlterModelTable("entry", "entries"),
        migrations.AlterModelTableComment("entry", "entries"),
        migrations.RenameModel("entry", "Entry"),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_an_operation_on_a_new_model_is_folded_past_its_trigger(operation):
    plainly = shape(optimized(CREATE, operation))
    assert shape(optimized(CREATE, add(), operation)) == [*plainly, "AddTrigger entry:kept"]


def test_a_trigger_follows_its_model_to_the_new_name():
    written = optimized(CREATE, add(), migrations.RenameModel("Entry", "Record"))
    assert shape(written) == ["CreateModel record", "AddTrigger record:kept"]


def test_a_trigger_that_names_the_renamed_column_is_not_moved():
    trigger = add(condition='WHEN (OLD."number" > 0)')
    rename = migrations.RenameField("entry", "number", "amount")
    assert optimized(CREATE, trigger, rename) == [CREATE, trigger, rename]


def test_a_trigger_of_a_renamed_column_that_changes_with_it_is_added_once():
    first, last = (add(condition=f'WHEN (OLD."{name}" > 0)') for name in ("number", "amount"))
    rename = migrations.RenameField("entry", "number", "amount")
    written = optimized(CREATE, first, remove(), rename, last)
    assert shape(written) == ["CreateModel entry", "AddTrigger entry:kept"]
    assert written[-1].trigger == last.trigger


def test_a_trigger_of_an_older_model_is_removed_before_a_column_changes_and_added_afterwards():
    """Going backwards, its old definition is put back when the column is as it was."""
    first = migrations.AlterField("entry", "number", models.BigIntegerField())
    second = migrations.AlterField("entry", "number", models.IntegerField())
    written = optimized(first, add(replaces=True), second)
    assert shape(written) == [
        "RemoveTrigger entry:kept",
        "AlterField entry number",
        "AddTrigger entry:kept",
    ]
    assert not written[-1].replaces


def test_a_trigger_of_an_older_model_is_removed_by_the_name_that_the_model_had():
    rename = migrations.RenameModel("Entry", "Record")
    written = optimized(rename, add("record", replaces=True), remove("record"))
    assert shape(written) == ["RemoveTrigger entry:kept", "RenameModel entry record"]


@pytest.mark.parametrize(
    "code",
    [
        migrations.RunPython(migrations.RunPython.noop),
        migrations.RunSQL("SELECT 1"),
        migrations.SeparateDatabaseAndState(),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_a_trigger_stays_where_it_is_when_code_runs(code):
    operations = [CREATE, add(), code, migrations.AddField("entry", "text", TEXT), remove()]
    written = shape(optimized(*operations))
    assert written[:2] == ["CreateModel entry", "AddTrigger entry:kept"]
    assert written[3:] == ["RemoveTrigger entry:kept", "AddField entry text"]


def test_code_that_may_be_left_out_is_left_out():
    code = migrations.RunPython(migrations.RunPython.noop, elidable=True)
    written = optimized(CREATE, add(), code, migrations.AddField("entry", "text", TEXT))
    assert shape(written) == ["CreateModel entry", "AddTrigger entry:kept"]


def test_a_model_of_the_same_name_is_another_one():
    delete = migrations.DeleteModel("Entry")
    operations = [remove(), delete, CREATE, add()]
    assert optimized(*operations) == operations


@pytest.mark.django_db
class TestSquashing:
    SOURCES = (
        ("number = models.IntegerField(default=0)", "Delete"),
        ("number = models.BigIntegerField(default=0, db_column='a b')", "Delete"),
        ("amount = models.BigIntegerField(default=0, db_column='a b', unique=True)", "Update"),
        ("amount = models.BigIntegerField(default=0, db_column='c d', unique=True)", "Update"),
        ("total = models.BigIntegerField(default=0, unique=True)", "Update"),
    )
    ENTRY = """
import pghistory

@pghistory.track(level=pgtrigger.Statement)
class Entry(models.Model):
    {field}

    class Meta:
        triggers = [{rules}]
"""

    def declare(self, app, field, operation):
        name = field.partition(" ")[0]
        rules = [
            f"pgtrigger.Protect(name='{rule}', operation=pgtrigger.{operation})"
            for rule in ("one", "two", "three", "four")
        ]
        rules.append(f"pgtrigger.ReadOnly(name='five', fields=['{name}'])")
        app.declare(self.ENTRY.format(field=field, rules=", ".join(rules)))
        app.makemigrations()

    def test_five_migrations_become_one_operation_for_each_model_and_trigger(self, app):
        for source in self.SOURCES:
            self.declare(app, *source)
        [*_, last] = app.migration_names()
        triggers = ("one", "two", "three", "four", "five", "insert_insert", "update_update")
        assert sorted(shape(app.squash(last))) == sorted(
            [
                *("CreateModel entry", "CreateModel entryevent"),
                *(f"AddTrigger entry:{name}" for name in triggers),
            ]
        )
        app.migrate()
        assert not app.has_changes()
        assert {*app.states().values()} == {"INSTALLED ENABLED"}
        app.migrate("zero")
        assert app.leftovers() == []
