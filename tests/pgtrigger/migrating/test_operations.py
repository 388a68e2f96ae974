"""The operations themselves: how they reduce, print, and keep to routers."""

import os
import shutil
import subprocess

import pytest
from django.db import connection, migrations, models
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import OperationWriter

from pgtrigger import administration, compiler
from pgtrigger.migrations import AddTrigger, RemoveTrigger
from tests.pgtrigger.throwaway import execute, shape


def trigger(name="kept", **options):
    defaults = {
        "pgid": f"pgtrigger_{name}_12345",
        "table": "throwaway_entry",
        "func": "RETURN NEW;",
        "operation": "UPDATE",
        "when": "BEFORE",
    }
    return compiler.Trigger(name=name, sql=compiler.UpsertTriggerSql(**{**defaults, **options}))


CREATE = migrations.CreateModel("Entry", [("id", models.BigAutoField(primary_key=True))])
DELETE = migrations.DeleteModel("Entry")
FIRST = AddTrigger(model_name="entry", trigger=trigger())
SECOND = AddTrigger(model_name="entry", trigger=trigger(operation="DELETE"), replaces=True)
OTHER = AddTrigger("entry", trigger(name="other"))
REMOVE = RemoveTrigger(model_name="entry", name="kept")
FIELD = migrations.AddField("entry", "number", models.IntegerField(default=0))
RENAME = migrations.RenameField("entry", "number", "amount")


class TestReducing:
    @pytest.mark.parametrize(
        ("operations", "reduced"),
        [
            ([FIRST, REMOVE], []),
            ([FIRST, OTHER, REMOVE], [OTHER]),
            ([FIRST, SECOND, REMOVE], []),
            ([CREATE, FIRST, REMOVE, DELETE], []),
            ([FIRST, FIELD, REMOVE], [FIELD]),
        ],
    )
    def test_what_is_added_and_removed_is_not_there(self, operations, reduced):
        assert shape(MigrationOptimizer().optimize(operations, "throwaway")) == shape(reduced)

    def test_the_last_addition_is_the_one(self):
        [operation] = MigrationOptimizer().optimize([FIRST, SECOND], "throwaway")
        assert operation.trigger == SECOND.trigger
        assert not operation.replaces

    @pytest.mark.parametrize("operations", [[SECOND, REMOVE], [REMOVE, FIRST, REMOVE]])
    def test_what_was_there_before_is_still_removed(self, operations):
        assert shape(MigrationOptimizer().optimize(operations, "throwaway")) == shape([REMOVE])

    def test_what_is_removed_and_added_is_replaced(self):
        [operation] = MigrationOptimizer().optimize([REMOVE, FIRST], "throwaway")
        assert operation.replaces

    def test_a_field_finds_its_model_past_a_trigger(self):
        operations = MigrationOptimizer().optimize([CREATE, FIRST, FIELD, SECOND], "throwaway")
        assert shape(operations) == ["CreateModel entry", "AddTrigger entry:kept"]

    def test_a_renamed_model_takes_its_trigger_along(self):
        rename = migrations.RenameModel("Entry", "Record")
        moved = AddTrigger("record", trigger(table="throwaway_record"), replaces=True)
        operations = MigrationOptimizer().optimize([CREATE, FIRST, rename, moved], "throwaway")
        assert shape(operations) == ["CreateModel record", "AddTrigger record:kept"]
        assert operations[1].trigger == moved.trigger

    def test_a_trigger_does_not_pass_a_renamed_column(self):
        operations = [REMOVE, RENAME, FIRST]
        assert MigrationOptimizer().optimize(operations, "throwaway") == operations


class TestWriting:
    @pytest.mark.parametrize("operation", [FIRST, SECOND, REMOVE])
    def test_an_operation_is_written_as_it_can_be_read(self, operation):
        source, imports = OperationWriter(operation, indentation=0).serialize()
        scope = {}
        exec("\n".join(sorted(imports)), scope)
        read = eval(source.rstrip(","), scope)
        assert read.deconstruct() == operation.deconstruct()

    @pytest.mark.parametrize(
        ("operation", "description"),
        [
            (FIRST, "Create trigger kept on model entry"),
            (SECOND, "Replace trigger kept on model entry"),
            (REMOVE, "Remove trigger kept from model entry"),
        ],
    )
    def test_an_operation_describes_itself(self, operation, description):
        assert operation.describe() == description


class TestState:
    def test_no_model_is_rendered_anew(self):
        state = ProjectState()
        CREATE.state_forwards("throwaway", state)
        rendered = state.apps.get_model("throwaway", "entry")
        for operation in (FIRST, SECOND, REMOVE):
            operation.state_forwards("throwaway", state)
            assert state.apps.get_model("throwaway", "entry") is rendered

    def test_a_clone_keeps_what_it_had(self):
        state = ProjectState()
        CREATE.state_forwards("throwaway", state)
        FIRST.state_forwards("throwaway", state)
        before = state.clone()
        SECOND.state_forwards("throwaway", state)
        assert before.models["throwaway", "entry"].options["triggers"] == [FIRST.trigger]


RULES = """
class Entry(models.Model):
    number = models.IntegerField(default=0)
    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [
            pgtrigger.ReadOnly(name="kept", fields=["number"]),
            pgtrigger.SoftDelete(name="soft", field="is_active"),
            pgtrigger.Trigger(
                name="odd",
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                operation=pgtrigger.Update,
                func="RAISE NOTICE '100%% {braces} $$ \\\\\\\\ %', NEW.id; RETURN NEW;",
            ),
        ]
"""


@pytest.mark.django_db
@pytest.mark.django_db
class TestInARow:
    """Operations on triggers that follow each other."""

    def migration(self, *operations):
        migration = migrations.Migration("0001", "throwaway")
        migration.operations = operations
        return migration

    def apply(self, state, *operations):
        with connection.schema_editor() as editor:
            return self.migration(*operations).apply(state, editor)

    def unapply(self, state, *operations):
        with connection.schema_editor() as editor:
            self.migration(*operations).unapply(state, editor)

    def installed(self):
        return execute(
            "SELECT tgname, pg_get_triggerdef(oid) ~ 'BEFORE DELETE' FROM pg_trigger"
            " WHERE tgname LIKE 'pgtrigger_%' AND tgrelid = to_regclass('throwaway_entry')"
            " ORDER BY 1"
        )

    def test_they_copy_the_state_once(self, monkeypatch):
        copies = []
        clone = ProjectState.clone
        monkeypatch.setattr(ProjectState, "clone", lambda self: copies.append(1) or clone(self))
        self.apply(ProjectState(), CREATE, FIRST, OTHER, AddTrigger("entry", trigger("third")))
        assert len(copies) == 2
        assert len(self.installed()) == 3

    def test_a_trigger_that_is_removed_and_added_has_its_last_definition(self):
        state = self.apply(ProjectState(), CREATE, FIRST)
        before = state.clone()
        again = [REMOVE, OTHER, AddTrigger("entry", trigger(operation="DELETE"))]
        self.apply(state, *again)
        assert self.installed() == [
            ("pgtrigger_kept_12345", True),
            ("pgtrigger_other_12345", False),
        ]
        self.unapply(before, *again)
        assert self.installed() == [("pgtrigger_kept_12345", False)]

    def test_a_trigger_that_is_added_and_removed_is_not_installed(self):
        state = self.apply(ProjectState(), CREATE)
        self.apply(state, FIRST, OTHER, REMOVE)
        assert self.installed() == [("pgtrigger_other_12345", False)]


class TestSqlMigrate:
    def psql(self, script):
        """Run it as a user would, in a schema that is dropped afterwards."""
        parameters = connection.get_connection_params()
        where = " ".join(
            f"{name}={parameters[name]}"
            for name in ("host", "port", "user", "dbname")
            if parameters.get(name)
        )
        return subprocess.run(
            ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", where],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PGOPTIONS": "-c client_min_messages=warning"},
        )

    @pytest.mark.skipif(not shutil.which("psql"), reason="there is no psql")
    def test_its_output_runs_in_psql(self, app):
        app.declare(RULES)
        app.makemigrations()
        script = f"BEGIN; {app.sqlmigrate('0001').replace('BEGIN;', '').replace('COMMIT;', '')}"
        result = self.psql(f"{script}\nROLLBACK;")
        assert (result.returncode, result.stderr) == (0, "")

    def test_what_it_prints_is_what_migrate_does(self, app):
        app.declare(RULES)
        app.makemigrations()
        first = app.sqlmigrate("0001").replace("BEGIN;", "").replace("COMMIT;", "")
        execute(first)
        assert set(app.states().values()) == {"INSTALLED ENABLED"}
        app.migrate(fake=True)
        back = app.sqlmigrate("0001", backwards=True).replace("BEGIN;", "").replace("COMMIT;", "")
        execute(back)
        assert app.leftovers() == []

    def test_its_functions_find_their_tables(self, app):
        app.declare(
            """
            import pghistory

            @pghistory.track(pghistory.InsertEvent())
            class Entry(models.Model):
                number = models.IntegerField()
            """
        )
        app.makemigrations()
        execute(app.sqlmigrate("0001").replace("BEGIN;", "").replace("COMMIT;", ""))
        app.model("Entry").objects.create(number=1)
        assert app.model("EntryEvent").objects.get().number == 1

    def test_a_column_of_a_triggers_definition_gets_another_type(self, app):
        app.declare(RULES)
        app.makemigrations()
        app.migrate()
        app.declare(RULES.replace("IntegerField", "BigIntegerField"))
        app.makemigrations()
        execute(app.sqlmigrate("0002").replace("BEGIN;", "").replace("COMMIT;", ""))
        assert set(app.states().values()) == {"INSTALLED ENABLED"}

    def test_sqlmigrate_prints_the_trigger_of_a_renamed_model(self, app):
        app.declare(RULES)
        app.makemigrations()
        app.migrate()
        app.declare(RULES.replace("Entry", "Record"))
        app.makemigrations()
        execute(app.sqlmigrate("0002").replace("BEGIN;", "").replace("COMMIT;", ""))
        assert set(app.states().values()) == {"INSTALLED ENABLED"}
        assert len(app.triggers("throwaway_record")) == 3
        assert app.leftovers() == []


@pytest.mark.django_db
class TestSquashing:
    def test_a_squashed_history_holds_the_last_of_each_trigger(self, app):
        rule = """
        class Entry(models.Model):
            number = models.IntegerField(default=0)

            class Meta:
                triggers = [pgtrigger.Protect(name="{name}", operation=pgtrigger.{operation})]
        """
        for name, operation in [("one", "Delete"), ("one", "Update"), ("two", "Update")]:
            app.declare(rule.format(name=name, operation=operation))
            app.makemigrations()
        names = app.migration_names()
        written = shape(app.squash(names[-1]))
        assert written == ["CreateModel entry", "AddTrigger entry:two"]
        app.migrate()
        assert app.states() == {"Entry:two": "INSTALLED ENABLED"}
        assert not app.has_changes()


@pytest.mark.django_db
class TestWhereTriggersGo:
    def test_routers_are_asked_about_the_table(self, app, settings):
        settings.DATABASE_ROUTERS = ["tests.pgtrigger.routers.NothingAllowed"]
        app.declare(RULES)
        app.makemigrations()
        app.migrate()
        assert execute("SELECT to_regclass('throwaway_entry')") == [(None,)]

    def test_a_trigger_and_its_table_go_together(self, app):
        app.declare(RULES)
        app.makemigrations()
        app.migrate()
        app.migrate("zero")
        assert app.leftovers() == []
        assert administration.undeclared() == []
