"""Migrations and databases that were made with the packages on PyPI."""

import pytest
from django.db import InternalError, transaction

from pgtrigger import administration
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db

# As such migration files have them: every clause in full, a hash, a function that raises by itself.
OPERATIONS = """
migrations.CreateModel(
    name='Entry',
    fields=[
        ('id', models.BigAutoField(
            auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
        ('number', models.IntegerField(default=0)),
    ],
),
pgtrigger.migrations.AddTrigger(
    model_name='entry',
    trigger=pgtrigger.compiler.Trigger(
        name='protect',
        sql=pgtrigger.compiler.UpsertTriggerSql(
            func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;",
            hash='a0b1c2d3e4f5061728394a5b6c7d8e9f00112233',
            operation='DELETE',
            pgid='pgtrigger_protect_1a2b3',
            table='throwaway_entry',
            when='BEFORE',
        ),
    ),
),
pgtrigger.migrations.AddTrigger(
    model_name='entry',
    trigger=pgtrigger.compiler.Trigger(
        name='no_negative',
        sql=pgtrigger.compiler.UpsertTriggerSql(
            condition='WHEN (NEW."number" < 0)',
            constraint='CONSTRAINT',
            declare='DECLARE v RECORD;',
            func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
            hash='b0b1c2d3e4f5061728394a5b6c7d8e9f00112233',
            ignore_func_name='"public"._pgtrigger_should_ignore',
            operation='UPDATE',
            pgid='pgtrigger_no_negative_2b3c4',
            table='throwaway_entry',
            timing='DEFERRABLE INITIALLY DEFERRED',
            when='AFTER',
        ),
    ),
),
pgtrigger.migrations.AddTrigger(
    model_name='entry',
    trigger=pgtrigger.compiler.Trigger(
        name='statement',
        sql=pgtrigger.compiler.UpsertTriggerSql(
            func='PERFORM 1 FROM old_values, new_values; RETURN NULL;',
            hash='c0b1c2d3e4f5061728394a5b6c7d8e9f00112233',
            level='STATEMENT',
            operation='UPDATE',
            pgid='pgtrigger_statement_3c4d5',
            referencing='REFERENCING OLD TABLE AS old_values NEW TABLE AS new_values',
            table='throwaway_entry',
            when='AFTER',
        ),
    ),
),
pgtrigger.migrations.AddTrigger(
    model_name='entry',
    trigger=pgtrigger.compiler.Trigger(
        name='gone',
        sql=pgtrigger.compiler.UpsertTriggerSql(
            func='RETURN OLD;',
            hash='d0b1c2d3e4f5061728394a5b6c7d8e9f00112233',
            operation='DELETE',
            pgid='pgtrigger_gone_4d5e6',
            table='throwaway_entry',
            when='BEFORE',
        ),
    ),
),
pgtrigger.migrations.RemoveTrigger(model_name='entry', name='gone'),
"""

MODELS = """
class Entry(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="protect", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="no_negative",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__number__lt=0),
            ),
            pgtrigger.Trigger(
                name="statement",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_values", new="new_values"),
                func="PERFORM 1 FROM old_values, new_values; RETURN NULL;",
            ),
        ]
"""


@pytest.fixture
def old_app(app):
    app.write_migration("0001_initial", OPERATIONS)
    app.declare(MODELS)
    return app


class TestMigrationFiles:
    def test_migration_files_of_other_releases_can_be_applied(self, old_app):
        old_app.migrate()
        assert sorted(old_app.triggers("throwaway_entry")) == [
            "no_negative",
            "protect",
            "statement",
        ]
        entry = old_app.model("Entry").objects.create()
        old_app.model("Entry").objects.update(number=1)
        with pytest.raises(InternalError, match="Cannot delete rows"), transaction.atomic():
            entry.delete()

    def test_migration_files_of_other_releases_can_be_undone(self, old_app):
        old_app.migrate()
        old_app.migrate("zero")
        assert old_app.leftovers() == []

    def test_the_next_migration_has_one_update_per_trigger(self, old_app):
        assert sorted(shape(old_app.makemigrations())) == [
            "AddTrigger entry:no_negative",
            "AddTrigger entry:protect",
            "AddTrigger entry:statement",
        ]
        assert not old_app.has_changes()

    @pytest.mark.parametrize("at_once", [True, False])
    def test_which_leaves_each_trigger_once(self, old_app, at_once):
        if not at_once:
            old_app.migrate()
        old_app.makemigrations()
        old_app.migrate()
        assert set(old_app.states().values()) == {"INSTALLED ENABLED"}
        assert len(old_app.triggers("throwaway_entry")) == 3
        assert old_app.leftovers() == []

    def test_and_can_be_undone(self, old_app):
        old_app.makemigrations()
        old_app.migrate()
        old_app.migrate("0001")
        assert len(old_app.triggers("throwaway_entry")) == 3
        functions = execute("SELECT 1 FROM pg_trigger WHERE tgname = 'pgtrigger_protect_1a2b3'")
        assert functions == [(1,)]

    def test_its_sql_can_be_printed(self, old_app):
        old_app.makemigrations()
        assert "from %% table" not in old_app.sqlmigrate("0001")
        assert "from % table" in old_app.sqlmigrate("0001")
        names = old_app.migration_names()
        assert "CREATE OR REPLACE FUNCTION" in old_app.sqlmigrate(names[-1])


class TestDatabasesTakenOver:
    """A trigger calls the function of the same name, and its comment is a hash."""

    @pytest.fixture
    def taken_over(self, old_app):
        old_app.makemigrations()
        old_app.migrate()
        self.names = {}
        for entry in administration.entries():
            if not entry.uri.startswith("throwaway."):
                continue
            pgid = entry.compiled.pgid
            self.names[entry.uri] = pgid
            execute(
                f"DROP TRIGGER {pgid} ON throwaway_entry;"
                f"DROP FUNCTION {entry.installed.function}();"
                f"CREATE FUNCTION {pgid}() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END';"
                f"{entry.installed.definition.replace(entry.installed.function, pgid)};"
                f"COMMENT ON TRIGGER {pgid} ON throwaway_entry"
                " IS 'a0b1c2d3e4f5061728394a5b6c7d8e9f00112233';"
            )
        return old_app

    def test_its_triggers_are_outdated(self, taken_over):
        assert set(taken_over.states().values()) == {"OUTDATED ENABLED"}

    def test_an_install_replaces_them(self, taken_over):
        pgid = self.names["throwaway.Entry:protect"]
        execute(f"ALTER TABLE throwaway_entry DISABLE TRIGGER {pgid}")
        administration.install(*self.names)
        assert taken_over.states() == {
            "Entry:protect": "INSTALLED DISABLED",
            "Entry:no_negative": "INSTALLED ENABLED",
            "Entry:statement": "INSTALLED ENABLED",
        }

    def test_a_function_of_the_right_body_and_another_name_is_replaced(self, old_app):
        old_app.makemigrations()
        old_app.migrate()
        [entry] = administration.entries("throwaway.Entry:protect")
        execute(f"ALTER FUNCTION {entry.installed.function}() RENAME TO pgtrigger_by_hand")
        administration.install(entry.uri)
        assert old_app.states()["Entry:protect"] == "INSTALLED ENABLED"
        assert old_app.leftovers() == []

    def test_and_leaves_no_function_behind(self, taken_over):
        administration.install(*self.names)
        assert len(taken_over.triggers("throwaway_entry")) == 3
        assert taken_over.leftovers() == []

    def test_as_does_a_migration(self, taken_over):
        taken_over.migrate("0001", fake=True)
        taken_over.migrate()
        assert set(taken_over.states().values()) == {"INSTALLED ENABLED"}
        assert taken_over.leftovers() == []

    def test_its_tables_can_be_renamed(self, taken_over):
        taken_over.declare(MODELS.replace("Entry", "Record"))
        taken_over.makemigrations()
        taken_over.migrate()
        assert set(taken_over.states().values()) == {"INSTALLED ENABLED"}
        assert len(taken_over.triggers("throwaway_record")) == 3
        assert taken_over.leftovers() == []

    def test_and_dropped(self, taken_over):
        taken_over.migrate("zero")
        assert taken_over.leftovers() == []


@pytest.mark.parametrize(
    "execute_clause",
    [
        "EXECUTE PROCEDURE pgtrigger_called_1a2b3('7')",
        "execute function pgtrigger_called_1a2b3('7')",
        "pgtrigger_called_1a2b3('7')",
        "public.pgtrigger_called_1a2b3('7')",
        "\"pgtrigger_called_1a2b3\" ('7')",
    ],
)
def test_a_function_that_the_migration_calls_by_the_triggers_name(app, execute_clause):
    """Return what a project's ``render_execute`` may return: a call, or the whole clause."""
    app.declare("class Entry(models.Model):\n    number = models.IntegerField(default=0)\n")
    app.makemigrations()
    app.write_migration(
        "0002_called",
        f"""
pgtrigger.migrations.AddTrigger(
    model_name='entry',
    trigger=pgtrigger.compiler.Trigger(
        name='called',
        sql=pgtrigger.compiler.UpsertTriggerSql(
            condition=None,
            execute={execute_clause!r},
            func="NEW.number := TG_ARGV[0]::integer; RETURN NEW;",
            operation='INSERT',
            pgid='pgtrigger_called_1a2b3',
            table='throwaway_entry',
            when='BEFORE',
        ),
    ),
),
""",
        dependencies=[("throwaway", "0001_initial")],
    )
    app.migrate()
    assert execute("INSERT INTO throwaway_entry (number) VALUES (1) RETURNING number") == [(7,)]
    app.migrate("0001")
    assert not execute("SELECT 1 FROM pg_proc WHERE proname = 'pgtrigger_called_1a2b3'")
