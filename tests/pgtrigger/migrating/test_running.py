"""Code in a migration that names rules which were renamed, changed or removed since."""

import textwrap

import pytest
from django.db import InternalError, transaction

import pgtrigger
from pgtrigger.triggers import historical
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db

MODELS = """
class Invoice(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Protect(
                name="late",
                operation=pgtrigger.Insert,
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__number__lt=0),
            ),
        ]
"""

LATER = {
    "nothing has changed": MODELS,
    "the rule is renamed": MODELS.replace("append_only", "kept").replace("late", "positive"),
    "the rule is removed": MODELS[: MODELS.index("    class Meta")],
    "the rule is stricter": MODELS.replace(
        "Update | pgtrigger.Delete", "Update | pgtrigger.Delete, ignorable=False"
    ).replace("timing=pgtrigger.Deferred,", ""),
    "the model is renamed": MODELS.replace("Invoice", "Bill"),
    "the table is renamed": MODELS.replace(
        "    class Meta:", "    class Meta:\n        db_table = 'invoices'"
    ),
    "the model is removed": "",
}

MIGRATION = """
import pgtrigger
from django.db import migrations
from django.db.models import F

URI = "throwaway.Invoice:append_only"
LATE = "throwaway.Invoice:late"

def change(apps, schema_editor):
    Invoice = apps.get_model("throwaway", "Invoice")
    Invoice.objects.get_or_create(pk=1)
{code}

class Migration(migrations.Migration):
    dependencies = [("throwaway", "0001_initial")]
    operations = [{operations}]
"""

IN_RUN_PYTHON = "migrations.RunPython(change, change)"

IGNORING = {
    "by URI": """
        with pgtrigger.ignore(URI):
            Invoice.objects.update(number=F("number") + 1)
            assert pgtrigger.is_ignored(URI)
    """,
    "by a decorator": """
        @pgtrigger.ignore(URI, LATE)
        def update():
            Invoice.objects.update(number=F("number") + 1)

        update()
    """,
    "by the model": """
        with pgtrigger.ignore(Invoice):
            Invoice.objects.update(number=F("number") + 1)
    """,
    "all": """
        with pgtrigger.ignore():
            Invoice.objects.update(number=F("number") + 1)
    """,
    "all others": """
        with pgtrigger.ignore.others(LATE):
            Invoice.objects.update(number=F("number") + 1)
    """,
    "disabled": """
        with pgtrigger.disable(URI):
            Invoice.objects.update(number=F("number") + 1)
    """,
    "uninstalled": """
        with pgtrigger.uninstall(URI):
            Invoice.objects.update(number=F("number") + 1)
    """,
}


OWN_OPERATION = """
class Change(migrations.RunSQL):
    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        change(from_state.apps, schema_editor)
"""


@pytest.fixture
def changed(app):
    """An app whose second migration runs code, and whose models are others since."""

    def change(code, later, operations=IN_RUN_PYTHON, own=""):
        app.declare(MODELS)
        app.makemigrations("--name", "initial")
        indented = textwrap.indent(textwrap.dedent(code), "    ")
        app.add_migration("0002_code", MIGRATION.format(code=indented + own, operations=operations))
        app.declare(later)
        app.makemigrations()
        assert not app.has_changes()
        return app

    return change


WAYS = [
    *(("by URI", later) for later in LATER),
    *((code, "the rule is renamed") for code in IGNORING if code != "by URI"),
    *((code, "the table is renamed") for code in IGNORING if code != "by URI"),
]


@pytest.mark.parametrize(("code", "later"), WAYS)
def test_a_rule_of_that_time_is_ignored(changed, code, later):
    app = changed(IGNORING[code], LATER[later])
    app.migrate("0002")
    assert execute("SELECT number FROM throwaway_invoice") == [(1,)]
    app.migrate("0001")
    assert execute("SELECT number FROM throwaway_invoice") == [(2,)]
    with pytest.raises(InternalError, match="Cannot update"), transaction.atomic():
        execute("UPDATE throwaway_invoice SET number = 3")
    app.migrate()
    assert {*app.states().values()} <= {"INSTALLED ENABLED"}
    assert app.leftovers() == []


@pytest.mark.parametrize("later", LATER.values(), ids=LATER)
@pytest.mark.parametrize("uris", ["LATE", ""], ids=["by URI", "all"])
def test_a_constraint_of_that_time_is_immediate(changed, uris, later):
    code = f"""
    from django.db import transaction
    pgtrigger.constraints(pgtrigger.Immediate, {uris})
    try:
        with transaction.atomic():
            Invoice.objects.create(pk=2, number=-1)
    except pgtrigger.ProtectedError:
        Invoice.objects.create(pk=3, number=5)
    """
    app = changed(code, later)
    app.migrate("0002")
    assert execute("SELECT number FROM throwaway_invoice ORDER BY 1") == [(0,), (5,)]
    app.migrate()


def test_a_rule_is_known_while_its_migration_removes_it(changed):
    """A state operation comes before the database operations beside it."""
    app = changed(
        IGNORING["by URI"],
        MODELS,
        "migrations.SeparateDatabaseAndState("
        "[migrations.RunPython(change, change)],"
        ' [pgtrigger.migrations.RemoveTrigger("invoice", "append_only")])',
    )
    app.migrate("0002")
    assert execute("SELECT number FROM throwaway_invoice") == [(1,)]


def test_a_rule_of_an_operation_of_ones_own(changed):
    renamed = LATER["the rule is renamed"]
    app = changed(IGNORING["by URI"], renamed, 'Change("SELECT 1")', own=OWN_OPERATION)
    app.migrate("0002")
    assert execute("SELECT number FROM throwaway_invoice") == [(1,)]


UNKNOWN = {
    "ignore": """
        with pgtrigger.ignore("throwaway.Invoice:absent"):
            assert not pgtrigger.is_ignored("throwaway.Invoice:absent")
    """,
    "constraints": 'pgtrigger.constraints(pgtrigger.Immediate, "absent.Invoice:absent")',
    "disable": 'pgtrigger.disable("throwaway.Absent:absent")',
}


@pytest.mark.parametrize("code", UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_rule_is_no_error_in_a_migration(changed, code):
    """Its own migrations may have been squashed away."""
    changed(code, MODELS).migrate()


def test_a_rule_that_is_not_ignored_holds_in_a_migration(changed):
    code = """
        with pgtrigger.ignore("throwaway.Invoice:absent"):
            Invoice.objects.update(number=F("number") + 1)
    """
    with pytest.raises(InternalError, match="Cannot update"):
        changed(code, MODELS).migrate()


@pytest.mark.parametrize(
    "call",
    [
        lambda uri: pgtrigger.ignore(uri).__enter__(),
        lambda uri: pgtrigger.constraints(pgtrigger.Immediate, uri),
        pgtrigger.is_ignored,
        pgtrigger.disable,
    ],
)
def test_elsewhere_an_unknown_rule_is_an_error(changed, call):
    app = changed(IGNORING["by URI"], LATER["the rule is renamed"])
    app.migrate()
    assert not historical.is_running()
    with pytest.raises(KeyError, match=r"throwaway.Invoice:append_only.* not found"):
        call("throwaway.Invoice:append_only")


def test_a_malformed_uri_is_an_error_everywhere(changed):
    with pytest.raises(ValueError, match="must be in the format"):
        changed('pgtrigger.ignore("Invoice")', MODELS).migrate()
    assert not historical.is_running()
