"""The generated project: two packages of the same apps, with rules and without, and two databases.

Both are in this process. ``declare()`` puts the apps of one package in place of the other's. What
was read of the migrations is kept until they are written or run, because Django changes the fields
that they contain when it runs them.
"""

from __future__ import annotations

import copy
import importlib
import io
import re
import shutil
import sys
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.migrations import CreateModel, SeparateDatabaseAndState
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter
from psycopg import sql

from life.evolution.declared import Declared
from pghistory.tracking import event_models
from pgtrigger.management.commands.makemigrations import Autodetector
from pgtrigger.migrating.operations import TriggerOperation
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from life.databases import Server

LIBRARIES = ("pgtrigger", "pghistory")
# Each package with the alias of its database.
PACKAGES = {"ruled": "default", "plain": "plain"}


class Questioner(MigrationQuestioner):
    """Answer that a model or field was renamed if the last change renamed it."""

    def __init__(self, declared: Declared) -> None:
        super().__init__({"ask_initial": True})
        self._declared = declared

    def ask_rename(self, model_name: Any, old_name: str, new_name: str, field: Any) -> bool:
        return (old_name, new_name) in self._declared.renamed_fields

    def ask_rename_model(self, old_model_state: Any, new_model_state: Any) -> bool:
        return any(
            (old_model_state.name, new_model_state.name) == (f"{old}{end}", f"{new}{end}")
            for old, new in self._declared.renamed_models
            for end in ("", "Event")
        )

    def ask_not_null_addition(self, field_name: str, model_name: str) -> Any:
        raise AssertionError(f"{model_name}.{field_name} has no default")

    def ask_not_null_alteration(self, field_name: str, model_name: str) -> Any:
        from django.db.models import NOT_PROVIDED

        return NOT_PROVIDED


class Project:
    """One package in a folder, and its database."""

    server: ClassVar[Server]
    templates: ClassVar[dict[str, str]] = {}

    def __init__(self, folder: Path, package: str) -> None:
        self.package, self.alias = package, PACKAGES[package]
        self.folder = folder / package
        self.declared = Declared()
        self._loader: MigrationLoader | None = None
        self._state: ProjectState | None = None

    def begin(self) -> None:
        """Begin with two empty apps and no tables of theirs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.declared = Declared()
        for label in self.declared.labels:
            migrations = self.folder / label / "migrations"
            migrations.mkdir(parents=True)
            for place in (self.folder, migrations.parent, migrations):
                (place / "__init__.py").touch()
            (migrations.parent / "models.py").touch()
        self._empty_database()
        self._forget_migrations()

    def _empty_database(self) -> None:
        """Leave the tables of the libraries alone in the database: a copy of the first one."""
        database = connections[self.alias].settings_dict["NAME"]
        template = self.templates.get(database)
        if template is None:
            forget()
            apps.set_installed_apps([*LIBRARIES])
            call_command("migrate", database=self.alias, verbosity=0, skip_checks=True)
            apps.unset_installed_apps()
        connections[self.alias].close()
        if template:
            self.server.create(database, template)
        else:
            self.templates[database] = f"{database}_begun"
            self.server.create(f"{database}_begun", database)

    def declare(self, declared: Declared) -> None:
        """Write the models and load them."""
        self.declared = declared
        for label in declared.labels:
            text = declared.source(label, ruled=self.package == "ruled")
            (self.folder / label / "models.py").write_text(text)
            # Python takes a file that changes twice in a second for the one that it compiled.
            shutil.rmtree(self.folder / label / "__pycache__", ignore_errors=True)
        forget()
        self.load()

    def rename_app(self, declared: Declared, old: str, label: str) -> None:
        """Give an app another label, as docs/topics/migrations.md says."""
        shutil.move(self.folder / old, self.folder / label)
        for migrations in self.folder.glob("*/migrations"):
            shutil.rmtree(migrations / "__pycache__", ignore_errors=True)
            for path in migrations.glob("0*.py"):
                path.write_text(re.sub(rf"\b{old}(?=['\"._])", label, path.read_text()))
        with connections[self.alias].cursor() as cursor:
            cursor.execute("UPDATE django_migrations SET app = %s WHERE app = %s", [label, old])
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
                " AND starts_with(tablename, %s)",
                [f"{old}_"],
            )
            for (table,) in cursor.fetchall():
                cursor.execute(
                    sql.SQL("ALTER TABLE {} RENAME TO {}").format(
                        sql.Identifier(table), sql.Identifier(label + table.removeprefix(old))
                    )
                )
        self._forget_migrations()
        self.declare(declared)

    def load(self) -> None:
        """Load the models as they are written, in place of the other project's."""
        apps_ = [f"{self.package}.{label}" for label in self.declared.labels]
        if all(apps.is_installed(name) for name in apps_):
            return
        forget()
        importlib.invalidate_caches()
        apps.set_installed_apps([*LIBRARIES, *apps_])

    def makemigrations(
        self, *, atomic: bool = True, state_only: bool = False
    ) -> list[tuple[str, Any]]:
        """Write what makemigrations finds, and return it: (app label, migration)."""
        changes = self.changes()
        if state_only:
            _leave_tables(changes)
        written = []
        for label, migrations in changes.items():
            for migration in migrations:
                writer = MigrationWriter(migration, include_header=False)
                text = writer.as_string()
                if not atomic:
                    text = text.replace(
                        "    dependencies = [", "    atomic = False\n\n    dependencies = [", 1
                    )
                self.add_migration(label, migration.name, text)
                written.append((label, migration))
        return written

    def add_migration(self, label: str, name: str, text: str) -> None:
        path = self.folder / label / "migrations" / f"{name}.py"
        path.write_text(text)
        Path(cache_from_source(str(path))).unlink(missing_ok=True)
        self._loader = self._state = None

    def _migrations(self) -> MigrationLoader:
        """Read the migrations, if they have not been read since the last change."""
        if self._loader is None:
            self.load()
            self._forget_migrations()
            self._loader = MigrationLoader(None)
        return self._loader

    def _forget_migrations(self) -> None:
        self._loader = self._state = None
        importlib.invalidate_caches()
        for name in [*sys.modules]:
            if name.startswith(f"{self.package}.") and ".migrations" in name:
                del sys.modules[name]

    def _last_state(self) -> ProjectState:
        """Return the state after all migrations: a copy with fields that may change."""
        if self._state is None:
            self._state = self._migrations().project_state()
        return copy.deepcopy(self._state)

    def changes(self) -> dict[str, list[Any]]:
        """Return what makemigrations would write."""
        self.load()
        detector = Autodetector if self.package == "ruled" else MigrationAutodetector
        found: dict[str, list[Any]] = detector(
            self._last_state(), ProjectState.from_apps(apps), Questioner(self.declared)
        ).changes(graph=self._migrations().graph)
        return found

    def render(self) -> None:
        """Raise an error if the migrations leave models that cannot be rendered.

        Django does not see that a proxy's model changes.
        """
        _ = self._last_state().apps

    def leaves(self) -> dict[str, str]:
        """Return the last migration of each app, "zero" if there is none."""
        graph = self._migrations().graph
        return {
            label: next((name for _, name in graph.leaf_nodes(label)), "zero")
            for label in self.declared.labels
        }

    def migrate(self, *target: str) -> None:
        call_command(
            "migrate",
            *target,
            database=self.alias,
            verbosity=0,
            skip_checks=True,
            interactive=False,
        )
        self._loader = self._state = None

    def install(self) -> None:
        """Install triggers that the migrations do not replace, as a renamed app label needs."""
        call_command("pgtrigger", "install", database=self.alias, verbosity=0, stdout=io.StringIO())

    def migrate_to(self, leaves: dict[str, str]) -> None:
        """Migrate each app to a migration; one that needs the other's goes there by itself."""
        for label, name in leaves.items():
            self.migrate(label, name)

    def squash(self, label: str, name: str) -> None:
        call_command(
            "squashmigrations", label, name, interactive=False, verbosity=0, stdout=io.StringIO()
        )
        self._forget_migrations()

    def names(self, label: str) -> list[str]:
        folder = self.folder / label / "migrations"
        return sorted(path.stem for path in folder.glob("0*.py"))

    def remove_migration(self, label: str, name: str) -> None:
        (self.folder / label / "migrations" / f"{name}.py").unlink()
        self._forget_migrations()


def _leave_tables(changes: dict[str, list[Any]]) -> None:
    """Let operations on models change the state only, as documented for a model that moves.

    Its new app follows the one that it leaves, so that all of its changes are undone first.
    """
    for label, migrations in changes.items():
        for migration in migrations:
            if any(isinstance(each, CreateModel) for each in migration.operations):
                migration.dependencies += [
                    (other, found[-1].name) for other, found in changes.items() if other != label
                ]
            migration.operations = [
                operation
                if isinstance(operation, TriggerOperation)
                else SeparateDatabaseAndState(state_operations=[operation])
                for operation in migration.operations
            ]


def forget() -> None:
    """Take the generated models, their rules and their modules out of the process.

    The modules of migrations stay.
    """
    for model, trigger in registry.registered():
        if model._meta.app_label not in LIBRARIES:
            registry.remove(model, trigger)
    for label in [*event_models._event_models]:
        if label.partition(".")[0] not in LIBRARIES:
            del event_models._event_models[label]
    for label in {*apps.all_models} - {*LIBRARIES}:
        del apps.all_models[label]
    if apps.stored_app_configs:
        apps.unset_installed_apps()
    apps.clear_cache()
    for name in [*sys.modules]:
        if name.partition(".")[0] in PACKAGES and name.endswith(".models"):
            del sys.modules[name]
