"""The steps that bring a chapter's rule into a project: what is written, and what Django prints.

They are written for an app of the reader's, `APP`, which has the models of the chapter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel, DeleteModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter

from pgtrigger.management.commands.makemigrations import Autodetector
from pgtrigger.migrations import AddTrigger, RemoveTrigger
from tutorial.chapters import Chapter
from tutorial.project_tests import IMPORTS, TESTS
from tutorial.timeline import event_models

APP = "shop"


@dataclass(frozen=True)
class ProjectSteps:
    """Steps to use a chapter's rule in a project. Without a migration, three texts are empty.

    The `migration` is that of the app `tutorial`, because the names of its triggers contain a hash
    of the app's label.
    """

    imports: str
    makemigrations: str
    migration: str
    removal: str
    test: str


@cache
def project_steps(chapter: Chapter) -> ProjectSteps:
    """Return the steps. The output is what Django's autodetector finds for these models."""
    ruled = [model for model in chapter.models if _trigger_names(model)]
    migration = _migration(ruled) if ruled else None
    operations = migration.operations if migration else []
    return ProjectSteps(
        imports=_imports(chapter, ruled),
        makemigrations=_printed(migration, operations) if migration else "",
        migration=MigrationWriter(migration, include_header=False).as_string() if migration else "",
        removal="\n".join(_line(removed) for each in operations for removed in _undone(each)),
        test=_test(chapter),
    )


def _undone(operation: Operation) -> list[Operation]:
    """Return the operation that is written when the declaration is deleted."""
    if isinstance(operation, AddTrigger):
        return [RemoveTrigger(operation.model_name, str(operation.trigger.name))]
    return [DeleteModel(operation.name)] if isinstance(operation, CreateModel) else []


def _imports(chapter: Chapter, ruled: Sequence[type[models.Model]]) -> str:
    if any(event_models(model) for model in ruled):
        return "import pghistory\nimport pgtrigger"
    if ruled:
        return "import pgtrigger"
    return "from integrity import constraints, conversion"


def _test(chapter: Chapter) -> str:
    body = TESTS[chapter.module_name]
    imports = [line for name, line in IMPORTS.items() if name in f"pytest {body}"]
    names = ", ".join(name for name in chapter.model_names if name in body)
    if names:
        imports += ["", f"from {APP}.models import {names}"]
    text = body.replace('"tutorial.', f'"{APP}.')
    return "\n".join(imports) + f"\n\npytestmark = pytest.mark.django_db\n\n\n{text}"


def _trigger_names(model: type[models.Model]) -> set[str]:
    state = _migrated_state().models.get((model._meta.app_label, model._meta.model_name))
    return {trigger.name for trigger in state.options.get("triggers", ())} if state else set()


@cache
def _migrated_state() -> ProjectState:
    return MigrationLoader(None, ignore_no_migrations=True).project_state()


def _migration(ruled: Sequence[type[models.Model]]) -> Migration | None:
    """Return the migration that would be written if these models had no rules yet."""
    before = _migrated_state().clone()
    keys = set()
    for model in ruled:
        key = (model._meta.app_label, model._meta.model_name)
        state = before.models[key] = before.models[key].clone()
        state.options = {name: value for name, value in state.options.items() if name != "triggers"}
        keys.add(key[1])
        for event_model in event_models(model):
            del before.models[event_model._meta.app_label, event_model._meta.model_name]
            keys.add(event_model._meta.model_name)
    detector = Autodetector(
        before, ProjectState.from_apps(apps), MigrationQuestioner(specified_apps={"tutorial"})
    )
    changes = detector.changes(MigrationGraph(), trim_to_apps={"tutorial"})
    for migration in changes.get("tutorial", ()):
        operations = [
            operation
            for operation in migration.operations
            if getattr(operation, "model_name", getattr(operation, "name", "")).lower() in keys
        ]
        # As Django does, on the instance: its stubs declare them on the class.
        vars(migration).update(operations=operations, dependencies=[("tutorial", "0001_initial")])
        migration.name = f"0002_{migration.suggest_name()}"
        return migration
    return None


def _printed(migration: Migration, operations: Sequence[Operation]) -> str:
    lines = [f"Migrations for '{APP}':", f"  {APP}/migrations/{migration.name}.py"]
    return "\n".join([*lines, *(_line(operation) for operation in operations)])


def _line(operation: Operation) -> str:
    describe = getattr(operation, "formatted_description", None)
    return f"    {describe() if describe else operation.describe()}"
