"""Every documented name of the three libraries, at each path that it is documented to have."""

import importlib
import subprocess
import sys

import pytest

import pgtrigger

CLAUSES = """
    Level Row Statement When Before After InsteadOf Timing Immediate Deferred Operation Operations
    Insert Update Delete Truncate UpdateOf Referencing
"""
CONDITIONS = "Condition Q F AnyChange AnyDontChange AllChange AllDontChange"
LOOKUPS = "IsDistinctFrom IsNotDistinctFrom"
READY_MADE = "Composer Protect ReadOnly FSM SoftDelete UpdateSearchVector"
TRACKERS = "Tracker ManualEvent RowEvent InsertEvent UpdateEvent DeleteEvent"
TRACKERS_2 = """
    Snapshot Event AfterInsert AfterUpdate AfterInsertOrUpdate BeforeUpdate BeforeDelete AfterDelete
    Changed
"""
NAMES = {
    "pgtrigger": f"""
        {CLAUSES} {CONDITIONS} {LOOKUPS} {READY_MADE} Trigger Func __version__
        register registered install uninstall enable disable prunable prune
        ignore is_ignored schema constraints
    """,
    "pgtrigger.core": f"{CLAUSES} {CONDITIONS} {LOOKUPS} Trigger Func",
    "pgtrigger.contrib": READY_MADE,
    "pgtrigger.utils": "quote AttrDict",
    "pgtrigger.registry": "register registered",
    "pgtrigger.compiler": """
        Trigger UpsertTriggerSql DropTriggerSql EnableTriggerSql DisableTriggerSql
    """,
    "pgtrigger.migrations": """
        AddTrigger RemoveTrigger MigrationAutodetectorMixin DatabaseSchemaEditorMixin
    """,
    "pghistory": f"""
        {TRACKERS} {TRACKERS_2} {CONDITIONS} Row Statement Insert Update Delete
        track create_event create_event_model get_event_model context ProxyField DEFAULT Old New
        Field RelatedField ForeignKey ObjForeignKey ContextForeignKey ContextJSONField
        ContextUUIDField __version__
    """,
    "pghistory.core": f"{TRACKERS} {TRACKERS_2} track create_event create_event_model",
    "pghistory.models": "Context Event Events MiddlewareEvents AggregateEvent EventQuerySet",
    "pghistory.trigger": "Event",
    "pghistory.middleware": "HistoryMiddleware",
    "pghistory.admin": "EventsAdmin EventModelAdmin",
    "pghistory.utils": "JSONField",
    "pghistory.config": "middleware_methods json_encoder",
    "integrity.constraints": """
        immediate set_all_immediate set_immediate set_deferred foreign_key_constraint_name
        NotInTransaction NotAForeignKey
    """,
    "integrity.conversion": """
        refine_integrity_error Named Unique PrimaryKey NotNull ForeignKey ModelHasNoPrimaryKey
    """,
}


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, names in NAMES.items() for name in names.split()]
)
def test_a_name_is_importable_and_the_same_everywhere(path, name):
    found = getattr(importlib.import_module(path), name)
    package = importlib.import_module(path.partition(".")[0])
    if path in ("pgtrigger.core", "pgtrigger.contrib", "pgtrigger.registry", "pghistory.core"):
        assert found is getattr(package, name)


@pytest.mark.parametrize("name", ["core", "contrib", "utils", "registry", "compiler"])
def test_a_module_is_an_attribute_of_the_package(name):
    """Code that has only ``import pgtrigger`` calls ``pgtrigger.utils.quote()``."""
    run = subprocess.run([sys.executable, "-c", f"import pgtrigger; pgtrigger.{name}"])
    assert run.returncode == 0


@pytest.mark.parametrize("path", ["pgtrigger", "pghistory"])
def test_all_names_are_public(path):
    package = importlib.import_module(path)
    assert {*NAMES[path].split()} <= {*package.__all__}


@pytest.mark.parametrize(
    ("name", "quoted"), [("a", '"a"'), ('"a"', '"a"'), ("a.b", '"a.b"'), ("New", '"New"')]
)
def test_quote(name, quoted):
    assert pgtrigger.utils.quote(name) == quoted


def test_attr_dict():
    found = pgtrigger.utils.AttrDict({"a": 1, "items": 2})
    found.b = 3
    assert (found.a, found["a"], found.items, found.b) == (1, 1, 2, 3)
    assert dict(found) == {"a": 1, "items": 2, "b": 3}
    with pytest.raises(AttributeError):
        found.c  # noqa: B018
