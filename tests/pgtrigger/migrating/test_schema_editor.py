"""Tables and columns that change under triggers: forwards, backwards, and forwards again."""

import subprocess
import sys

import pytest
from django.core.management import call_command
from django.db import DataError, InternalError, connection, models, transaction

import pgtrigger
from tests.pgtrigger.migrating.rules import CONDITION, FUNCTION, INDIFFERENT, UPDATE_OF
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db

RULES = pytest.mark.parametrize("rule", [CONDITION, UPDATE_OF, FUNCTION, INDIFFERENT])


def model(rule, name="Entry", field="number", type="IntegerField(default=0)", table=None):
    return f"""
class {name}(models.Model):
    {field} = models.{type}
    other = models.IntegerField(default=0)

    class Meta:
        {f"db_table = '{table}'" if table else ""}
        triggers = [{rule.format(field=field)}]
"""


@pytest.fixture
def changes(app):
    """``changes(before, after)`` migrates from one to the other and back, looking each time.

    The trigger is disabled first, so that it can be seen to stay so.
    """

    def migrate_to_and_fro(before, after, table="throwaway_entry", new_table=None, answer="y"):
        new_table = new_table or table
        app.declare(before)
        app.makemigrations()
        app.migrate()
        execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')
        app.declare(after)
        written = shape(app.makemigrations(answer=answer))
        assert not app.has_changes()
        for source, target, name in [
            (after, None, new_table),
            (before, "0001", table),
            (after, None, new_table),
        ]:
            app.declare(source)
            app.migrate(target)
            assert set(app.states().values()) == {"INSTALLED DISABLED"}
            assert app.triggers(name) == ["kept"]
            assert app.leftovers() == []
        return written

    return migrate_to_and_fro


@RULES
class TestRenaming:
    def test_a_trigger_follows_its_renamed_model(self, changes, rule):
        changes(model(rule), model(rule, "Record"), new_table="throwaway_record")

    def test_a_trigger_follows_its_renamed_table(self, changes, rule):
        changes(model(rule), model(rule, table="odd {x} table"), new_table="odd {x} table")

    def test_a_trigger_follows_a_renamed_field(self, changes, rule):
        changes(model(rule), model(rule, field="amount"))

    def test_a_trigger_follows_a_renamed_column(self, changes, rule):
        column = "IntegerField(default=0, db_column='odd')"
        changes(model(rule), model(rule, type=column))


class TestTypes:
    @RULES
    @pytest.mark.parametrize("type", ["BigIntegerField(default=0)", "TextField(default='')"])
    def test_a_trigger_stays_while_a_column_gets_another_type(self, changes, rule, type):
        changes(model(rule), model(rule, type=type))

    @RULES
    def test_a_trigger_stays_while_a_column_gets_another_type_and_name(self, changes, rule):
        changes(model(rule), model(rule, type="BigIntegerField(default=0, db_column='odd')"))

    def test_a_session_that_has_called_the_function_can_go_on(self, app):
        """PL/pgSQL keeps the plan of an expression with OLD and NEW."""
        rule = (
            "pgtrigger.Trigger(name='kept', when=pgtrigger.Before, operation=pgtrigger.Update,"
            " func='IF OLD.number IS DISTINCT FROM NEW.number THEN NEW.other = 5; END IF;"
            " RETURN NEW;')"
        )
        app.declare(model(rule))
        app.makemigrations()
        app.migrate()
        app.model("Entry").objects.create()
        app.model("Entry").objects.update(number=1)
        app.declare(model(rule, type="TextField(default='')"))
        app.makemigrations()
        app.migrate()
        app.model("Entry").objects.update(number="two", other=0)
        assert app.model("Entry").objects.get().other == 5


class TestColumnsThatComeAndGo:
    @RULES
    def test_a_field_is_replaced_by_another(self, changes, rule):
        written = changes(model(rule), model(rule, field="amount"), answer="n")
        assert "RemoveField entry number" in written

    def test_a_rule_that_lets_go_of_a_field(self, changes):
        before = """
class Entry(models.Model):
    number = models.IntegerField(default=0)
    other = models.IntegerField(default=0)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["number", "other"])]
"""
        after = before.replace("    other = models.IntegerField(default=0)\n", "")
        written = changes(before, after.replace(', "other"', ""))
        assert written == [
            "RemoveTrigger entry:kept",
            "RemoveField entry other",
            "AddTrigger entry:kept",
        ]

    def test_a_removed_column_takes_triggers_along_that_still_name_it(self, app):
        app.declare(model("pgtrigger.ReadOnly(name='kept', fields=['number'])"))
        app.makemigrations()
        app.migrate()
        app.write_migration(
            "0002_hand_made",
            "migrations.RemoveField('entry', 'number')",
            [("throwaway", "0001_initial")],
        )
        app.migrate()
        assert app.triggers("throwaway_entry") == []
        assert app.leftovers() == []


class TestRelatedColumns:
    MODELS = """
class Owner(models.Model):
    id = models.{key}(primary_key=True)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["id"])]

class Entry(models.Model):
    owner = models.ForeignKey(Owner, models.CASCADE)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["owner"])]
"""

    @pytest.mark.parametrize("key", ["BigIntegerField", "CharField", "BigAutoField"])
    def test_a_primary_key_of_another_type(self, app, changes, key):
        old = "AutoField" if key == "BigAutoField" else "IntegerField"
        new = "BigAutoField" if key == "BigAutoField" else key
        before = self.MODELS.format(key=old)
        after = self.MODELS.format(key=new).replace("CharField(", "CharField(max_length=9, ")
        app.declare(before)
        app.makemigrations()
        app.migrate()
        execute("ALTER TABLE throwaway_owner DISABLE TRIGGER USER")
        execute(
            "ALTER TABLE throwaway_entry DISABLE TRIGGER "
            + execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = 'throwaway_entry'::regclass"
                " AND NOT tgisinternal"
            )[0][0]
        )
        app.declare(after)
        app.makemigrations()
        for target in (None, "0001", None):
            app.migrate(target)
            states = {"INSTALLED DISABLED"}
            assert set(app.states().values()) == states
            assert app.leftovers() == []

    def test_a_foreign_key_to_another_model(self, app, changes):
        source = """
class Owner(models.Model):
    pass

class Person(models.Model):
    id = models.CharField(max_length=9, primary_key=True)

class Entry(models.Model):
    owner = models.ForeignKey({to}, models.CASCADE, null=True)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["owner"])]
"""
        app.declare(source.format(to="Owner"))
        app.makemigrations()
        app.migrate()
        app.declare(source.format(to="Person"))
        app.makemigrations()
        for target in (None, "0001", None):
            app.migrate(target)
            assert app.states() == {"Entry:kept": "INSTALLED ENABLED"}


class TestWithoutMigrations:
    def test_tables_made_by_syncdb_have_their_triggers(self, app):
        app.declare(model(INDIFFERENT))
        call_command("migrate", run_syncdb=True, verbosity=0)
        assert app.states() == {"Entry:kept": "INSTALLED ENABLED"}
        with pytest.raises(InternalError, match="Cannot delete"), transaction.atomic():
            app.model("Entry").objects.create().delete()

    def test_what_is_no_longer_declared_goes_with_the_next(self, app):
        app.declare(model(INDIFFERENT))
        call_command("migrate", run_syncdb=True, verbosity=0)
        app.declare(model(""))
        call_command("migrate", run_syncdb=True, verbosity=0)
        assert app.triggers("throwaway_entry") == []
        assert app.leftovers() == []


def test_nothing_is_left_of_a_table_that_goes(app):
    app.declare(model(CONDITION))
    app.makemigrations()
    app.migrate()
    app.write_migration(
        "0002_hand_made", "migrations.DeleteModel('entry')", [("throwaway", "0001_initial")]
    )
    app.migrate()
    assert app.leftovers() == []


def test_a_deferred_rule_is_set_aside_and_put_back(app, changes):
    rule = (
        "pgtrigger.Protect(name='kept', operation=pgtrigger.Update, when=pgtrigger.After,"
        " timing=pgtrigger.Deferred, condition=pgtrigger.Q(new__number=5))"
    )
    changes(model(rule), model(rule, type="BigIntegerField(default=0)"))


@pytest.mark.parametrize("wanted", [True, False])
def test_a_setting_leaves_the_schema_editor_as_it_is(wanted):
    """The setting is read when Django starts, so this needs another process."""
    script = f"""
import django
from django.conf import settings
from django.db import connection

settings.PGTRIGGER_SCHEMA_EDITOR = {wanted}
django.setup()
from pgtrigger.migrations import DatabaseSchemaEditorMixin

print(issubclass(connection.SchemaEditorClass, DatabaseSchemaEditorMixin))
"""
    started = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert started.stdout.strip() == str(wanted)


@pytest.mark.django_db(transaction=True)
def test_a_trigger_set_aside_is_back_where_the_change_fails(make_model):
    """Outside a transaction, too, which a migration can ask for."""
    entry = make_model(
        text=models.TextField(),
        triggers=[pgtrigger.ReadOnly(name="kept", fields=["text"])],
    )
    [trigger] = entry._meta.triggers
    try:
        entry.objects.create(text="no number")
        number = models.IntegerField()
        number.set_attributes_from_name("text")
        with connection.schema_editor(atomic=False) as editor, pytest.raises(DataError):
            editor.alter_field(entry, entry._meta.get_field("text"), number)
        assert trigger.get_installation_status(entry) == ("INSTALLED", True)
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(entry)


def test_an_index_is_created_and_renamed_in_one_migration(app):
    app.declare(
        """
class Entry(models.Model):
    class Meta:
        indexes = [models.Index(fields=["id"], name="new_name")]
"""
    )
    app.write_migration(
        "0001_initial",
        """
        migrations.CreateModel(
            "Entry",
            [("id", models.BigAutoField(primary_key=True))],
            options={"indexes": [models.Index(fields=["id"], name="old_name")]},
        ),
        migrations.RenameIndex("entry", "new_name", "old_name"),
        """,
    )
    app.migrate()
    assert execute("SELECT to_regclass('new_name')::text, to_regclass('old_name')") == [
        ("new_name", None)
    ]
