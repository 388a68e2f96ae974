"""Migrations as the releases of django-pgtrigger on PyPI write them, in ``written/``.

Each file is the output of ``makemigrations`` with that release for the models below, as far as the
release has such triggers. Releases from 4.5 on write compiled triggers, 4.0 to 4.4 declarations.
"""

from pathlib import Path

import pytest
from django.db import InternalError, connection, transaction
from django.db.models import F

import pgtrigger
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db

WRITTEN = Path(__file__).parent / "written"
RELEASES = ["4.4.0", "4.5.3", "4.10.0", "4.13.3", "4.17.0"]

MODELS = """
from django.contrib.postgres.search import SearchVectorField


class Called(pgtrigger.Trigger):
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def get_func(self, model):
        return ""

    def render_execute(self, model):
        return "suppress_redundant_updates_trigger()"


class CalledOwn(pgtrigger.Trigger):
    when = pgtrigger.Before
    operation = pgtrigger.Insert
    func = "NEW.number := TG_ARGV[0]::integer; RETURN NEW;"

    def render_execute(self, model):
        return f"{self.get_pgid(model)}('7')"


class Rendered(pgtrigger.Trigger):
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def render_func(self, model):
        return "NEW.number := NEW.number + 1; RETURN NEW;"

    def render_declare(self, model):
        return "DECLARE v integer;"

    def render_condition(self, model):
        return "WHEN (NEW.number > 0)"


class Entry(models.Model):
    number = models.IntegerField(default=0)
    status = models.CharField(max_length=20, default="new")
    title = models.TextField(default="")
    is_active = models.BooleanField(default=True)
    vector = SearchVectorField(null=True)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="keep", operation=pgtrigger.Delete),
            pgtrigger.Protect(
                name="keep_if",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__number__gt=3),
            ),
            pgtrigger.Protect(name="keep_of", operation=pgtrigger.UpdateOf("title")),
            pgtrigger.Protect(
                name="keep_all", level=pgtrigger.Statement, operation=pgtrigger.Truncate
            ),
            pgtrigger.Protect(
                name="keep_st",
                level=pgtrigger.Statement,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__number__gt=3),
            ),
            pgtrigger.Protect(
                name="late",
                operation=pgtrigger.Update,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__number__lt=0),
            ),
            pgtrigger.Protect(
                name="any",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("title", "number"),
            ),
            pgtrigger.Protect(
                name="all_but",
                operation=pgtrigger.Update,
                condition=pgtrigger.AllDontChange(exclude=["vector"]),
            ),
            pgtrigger.ReadOnly(name="fixed", fields=["title"]),
            pgtrigger.FSM(
                name="flow", field="status", transitions=[("new", "paid"), ("paid", "sent")]
            ),
            pgtrigger.SoftDelete(name="soft", field="is_active"),
            pgtrigger.UpdateSearchVector(
                name="search", vector_field="vector", document_fields=["title"]
            ),
            pgtrigger.Trigger(
                name="rows",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_values", new="new_values"),
                func="PERFORM 1 FROM old_values, new_values; RETURN NULL;",
            ),
            pgtrigger.Composer(
                name="composed",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                declare=[("v", "RECORD")],
                func=pgtrigger.Func(
                    "FOR v IN SELECT new_values.* FROM {cond_new_values} LOOP EXIT; END LOOP;"
                    " RETURN NULL;"
                ),
                condition=pgtrigger.Q(new__number__gt=0),
            ),
            pgtrigger.Trigger(
                name="declared",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("n", "integer")],
                func="n := 1; NEW.number := NEW.number + n; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="templ",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                func=pgtrigger.Func("PERFORM {columns.number} FROM {meta.db_table}; RETURN OLD;"),
            ),
            pgtrigger.Trigger(
                name="cond",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.* IS DISTINCT FROM NEW.*"),
                func="RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="joined",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__number__df=pgtrigger.F("new__number"))
                & ~pgtrigger.Q(new__title=None)
                | pgtrigger.Q(new__number__in=[7, 8]),
                func="RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="row",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition("OLD.number > 0"),
                func="RETURN NEW;",
            ),
            Called(name="called"),
            CalledOwn(name="called_own"),
            Rendered(name="rendered"),
        ]
"""


@pytest.fixture(params=RELEASES)
def old_app(app, request):
    """The app with the first migration of a release, and all triggers declared."""
    app.add_migration("0001_initial", (WRITTEN / f"pgtrigger_{request.param}.txt").read_text())
    app.declare(MODELS)
    return app


def written_names(app):
    return {each.name for each in app.operations("0001_initial") if hasattr(each, "trigger")}


class TestReplay:
    def test_every_trigger_is_installed(self, old_app):
        old_app.migrate()
        assert set(old_app.triggers("throwaway_entry")) == written_names(old_app)
        assert old_app.leftovers() == []

    def test_the_triggers_do_what_they_say(self, old_app):
        old_app.migrate()
        entries = old_app.model("Entry").objects
        entries.create(title="a word")
        assert execute("SELECT number, vector::text FROM throwaway_entry") == [(8, "'word':2")]
        with pytest.raises(InternalError, match="Cannot delete rows"), transaction.atomic():
            entries.all().delete()
        with pgtrigger.ignore():
            assert entries.update(number=F("number")) == 0  # suppress_redundant_updates_trigger()
            assert entries.update(number=1, title="words") == 1

    def test_replayed_migrations_can_be_undone(self, old_app):
        old_app.migrate()
        old_app.migrate("zero")
        assert old_app.leftovers() == []

    def test_their_sql_can_be_printed_and_run(self, old_app):
        old_app.migrate()
        old_app.migrate("zero")
        script = old_app.sqlmigrate("0001")
        with connection.cursor() as cursor:
            cursor.execute(script.replace("BEGIN;\n--", "--", 1).removesuffix("COMMIT;\n"))
        assert set(old_app.triggers("throwaway_entry")) == written_names(old_app)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_makemigrations_brings_them_up_to_date(self, old_app, at_once):
        if not at_once:
            old_app.migrate()
        old_app.makemigrations()
        assert not old_app.has_changes()
        old_app.migrate()
        assert set(old_app.states().values()) == {"INSTALLED ENABLED"}
        assert old_app.leftovers() == []
        old_app.migrate("0001")
        assert set(old_app.triggers("throwaway_entry")) == written_names(old_app)


DECLARED = """
migrations.CreateModel(
    name="Entry",
    fields=[
        ("id", models.BigAutoField(primary_key=True, serialize=False)),
        ("number", models.IntegerField(default=0, db_column="n")),
    ],
),
pgtrigger.migrations.AddTrigger(
    model_name="entry",
    trigger=pgtrigger.Protect(
        name="keep",
        operation=pgtrigger.Operations(
            pgtrigger.Operation(name="DELETE"), pgtrigger.UpdateOf("number")
        ),
        condition=pgtrigger.Q(("old__number__gt", 3)),
        level=pgtrigger.Level(name="ROW"),
    ),
),
"""

CHANGED = """
pgtrigger.migrations.RemoveTrigger(model_name="entry", name="keep"),
migrations.RenameField(model_name="entry", old_name="number", new_name="amount"),
migrations.AlterField("entry", "amount", models.IntegerField(default=0)),
pgtrigger.migrations.AddTrigger(
    model_name="entry",
    trigger=pgtrigger.Protect(
        name="keep",
        operation=pgtrigger.Operation(name="DELETE"),
        condition=pgtrigger.Q(
            pgtrigger.Q(("old__amount__gt", 3)),
            pgtrigger.Q(("old__amount", pgtrigger.F("old__id"))),
            _connector="OR",
        ),
    ),
),
pgtrigger.migrations.AddTrigger(
    model_name="entry",
    trigger=pgtrigger.Trigger(
        name="rows",
        level=pgtrigger.Level(name="STATEMENT"),
        when=pgtrigger.When(name="AFTER"),
        operation=pgtrigger.Operation(name="UPDATE"),
        referencing=pgtrigger.Referencing(new="new_values", old="old_values"),
        func="PERFORM 1 FROM old_values, new_values; RETURN NULL;",
    ),
),
pgtrigger.migrations.AddTrigger(
    model_name="entry",
    trigger=pgtrigger.Trigger(
        name="late",
        when=pgtrigger.When(name="AFTER"),
        operation=pgtrigger.Operation(name="UPDATE"),
        timing=pgtrigger.Timing(name="DEFERRED"),
        condition=pgtrigger.Condition(sql="OLD.amount > 0"),
        func="RETURN NULL;",
    ),
),
migrations.AddField("entry", "note", models.TextField(default="")),
"""

DECLARED_MODELS = """
class Entry(models.Model):
    id = models.BigAutoField(primary_key=True)
    amount = models.IntegerField(default=0)
    note = models.TextField(default="")

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="keep",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__amount__gt=3)
                | pgtrigger.Q(old__amount=pgtrigger.F("old__id")),
            ),
            pgtrigger.Trigger(
                name="rows",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(new="new_values", old="old_values"),
                func="PERFORM 1 FROM old_values, new_values; RETURN NULL;",
            ),
            pgtrigger.Trigger(
                name="late",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Condition("OLD.amount > 0"),
                func="RETURN NULL;",
            ),
        ]
"""


class TestDeclarations:
    """A migration may contain a declaration: it is compiled for the model of that time."""

    @pytest.fixture
    def declared_app(self, app):
        app.write_migration("0001_initial", DECLARED)
        app.write_migration("0002_changed", CHANGED, [("throwaway", "0001_initial")])
        app.declare(DECLARED_MODELS)
        return app

    def test_it_has_the_columns_of_its_time(self, declared_app):
        declared_app.migrate("0001")
        [[definition]] = execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE tgrelid = 'throwaway_entry'::regclass AND tgname LIKE 'pgtrigger_keep%'"
        )
        assert "DELETE OR UPDATE OF n ON" in definition
        assert "WHEN ((old.n > 3))" in definition
        declared_app.migrate()
        execute("INSERT INTO throwaway_entry (id, amount, note) VALUES (9, 4, ''), (2, 2, '')")
        for entry in declared_app.model("Entry").objects.all():
            with pytest.raises(InternalError, match="Cannot delete rows"), transaction.atomic():
                entry.delete()
        declared_app.migrate("zero")
        assert declared_app.leftovers() == []

    def test_what_is_declared_alike_needs_no_migration(self, declared_app):
        assert not declared_app.has_changes()
        declared_app.migrate()
        assert set(declared_app.states().values()) == {"INSTALLED ENABLED"}

    def test_what_is_declared_otherwise_is_replaced(self, declared_app):
        declared_app.declare(DECLARED_MODELS.replace("amount__gt=3", "amount__gt=5"))
        assert shape(declared_app.makemigrations()) == ["AddTrigger entry:keep"]
        assert not declared_app.has_changes()

    def test_squashed_it_stays_where_the_model_is_as_it_was(self, declared_app):
        assert shape(declared_app.squash("0002")) == [
            "CreateModel entry",
            "AddTrigger entry:keep",
            "AddTrigger entry:rows",
            "AddTrigger entry:late",
            "AddField entry note",
        ]
        assert not declared_app.has_changes()
        declared_app.migrate()
        assert set(declared_app.states().values()) == {"INSTALLED ENABLED"}

    def test_squashed_it_is_written_by_its_documented_name(self, declared_app):
        declared_app.squash("0002")
        [name] = [name for name in declared_app.migration_names() if "squashed" in name]
        source = (declared_app.folder / "migrations" / f"{name}.py").read_text()
        assert "trigger=pgtrigger.Protect(" in source
        assert "pgtrigger.triggers" not in source
        assert "pgtrigger.vocabulary" not in source

    def test_a_model_that_was_renamed_takes_it_along(self, app):
        app.write_migration("0001_initial", DECLARED)
        app.write_migration(
            "0002_renamed",
            'migrations.RenameModel("Entry", "Record"),',
            [("throwaway", "0001_initial")],
        )
        app.declare(
            DECLARED_MODELS.replace("Entry", "Record")
            .replace("amount", "number")
            .replace(
                "number = models.IntegerField(default=0",
                'number = models.IntegerField(default=0, db_column="n"',
            )
            .replace("OLD.number", "OLD.n")
        )
        app.makemigrations()
        app.migrate()
        assert not app.has_changes()
        assert set(app.states().values()) == {"INSTALLED ENABLED"}
        assert app.leftovers() == []

    def test_one_that_does_not_fit_its_model_says_which(self, app):
        app.write_migration("0001_initial", DECLARED.replace("old__number", "old__absent"))
        app.declare(DECLARED_MODELS)
        with pytest.raises(pgtrigger.DeclarationError, match="no field named 'absent'"):
            app.migrate()
