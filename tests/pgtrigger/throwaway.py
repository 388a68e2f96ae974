"""An app that a test writes, migrates, and writes again."""

import contextlib
import importlib
import io
import re
import sys
import textwrap

from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from pghistory.tracking import event_models
from pgtrigger import administration
from pgtrigger.database import catalog
from pgtrigger.triggers import registry
from tests.pgtrigger import other_apps

HEADER = """
import pgtrigger
from django.contrib.auth.models import Group
from django.db import models
from project.models import User
"""


class ThrowawayApp:
    """``declare()`` writes the models and loads them; the rest are the real commands."""

    def __init__(self, folder, settings, monkeypatch, label="throwaway"):
        self.label = label
        self.folder = folder / label
        self._settings = settings
        self._monkeypatch = monkeypatch
        self._others = list(registry.registered())
        other_apps.spare(monkeypatch)
        # Bytecode is current for Python if its source has the same second and size.
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        self._other_apps = [app for app in django_settings.INSTALLED_APPS if app != label]
        self.folder.mkdir()
        (self.folder / "__init__.py").touch()

    def declare(self, source):
        self.forget()
        (self.folder / "models.py").write_text(HEADER + textwrap.dedent(source))
        importlib.invalidate_caches()
        self._settings.INSTALLED_APPS = [*self._other_apps, self.label]

    def forget(self):
        """Take the models, their declarations and their modules out of the process."""
        for model, trigger in registry.registered():
            # A rule's companions are removed with it.
            if (model, trigger) not in self._others:
                with contextlib.suppress(KeyError):
                    registry.remove(model, trigger)
        for event_model in event_models.all_event_models():
            if event_model._meta.app_label == self.label:
                event_models.forget(event_model)
        apps.all_models.pop(self.label, None)
        apps.clear_cache()
        for name in [*sys.modules]:
            if name == self.label or name.startswith(f"{self.label}."):
                del sys.modules[name]

    def forget_migrations(self):
        """Let no committed test leave a record of its migrations for the next one."""
        recorder = MigrationRecorder(connection)
        if recorder.has_table():
            recorder.migration_qs.filter(app=self.label).delete()

    def makemigrations(self, *arguments, answer="y"):
        """Answer every question about a renaming; return the written operations by migration."""
        known = {*self.migration_names()}
        self._monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n" * 9))
        call_command("makemigrations", self.label, *arguments, stdout=io.StringIO())
        importlib.invalidate_caches()
        new = [name for name in self.migration_names() if name not in known]
        return [operation for name in new for operation in self.operations(name)]

    def has_changes(self):
        """Return whether ``makemigrations --check`` complains."""
        try:
            call_command("makemigrations", self.label, "--check", "--dry-run", verbosity=0)
        except SystemExit:
            return True
        return False

    def migration_names(self):
        folder = self.folder / "migrations"
        return sorted(path.stem for path in folder.glob("0*.py"))

    def operations(self, name):
        loader = MigrationLoader(None, load=False)
        loader.load_disk()
        return loader.disk_migrations[self.label, name].operations

    def write_migration(self, name, operations, dependencies=()):
        source = [
            "import pgtrigger.compiler",
            "import pgtrigger.migrations",
            "from django.db import migrations, models",
            "class Migration(migrations.Migration):",
            f"    dependencies = {list(dependencies)!r}",
            "    operations = [",
            textwrap.indent(textwrap.dedent(operations), "        "),
            "    ]",
        ]
        self.add_migration(name, "\n".join(source))

    def add_migration(self, name, source):
        """A migration file whose whole text is given."""
        folder = self.folder / "migrations"
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / f"{name}.py").write_text(source)
        importlib.invalidate_caches()

    def migrate(self, target=None, **options):
        """To the migration whose name starts with the target, or to the last."""
        call_command("migrate", self.label, *filter(None, [target]), verbosity=0, **options)

    def sqlmigrate(self, name, **options):
        out = io.StringIO()
        call_command("sqlmigrate", self.label, name, stdout=out, no_color=True, **options)
        return out.getvalue()

    def squash(self, name):
        call_command("squashmigrations", self.label, name, interactive=False, verbosity=0)
        importlib.invalidate_caches()
        [squashed] = [name for name in self.migration_names() if "squashed" in name]
        return self.operations(squashed)

    def model(self, name):
        return apps.get_model(self.label, name)

    def states(self):
        """``{"Model:trigger": "INSTALLED ENABLED"}`` of what is declared."""
        own = [trigger.get_uri(model) for model, trigger in registry.registered()]
        own = [uri for uri in own if uri.startswith(f"{self.label}.")]
        return {
            entry.uri.removeprefix(f"{self.label}."): f"{entry.status} {entry.state}"
            for entry in (administration.entries(*own) if own else ())
        }

    def triggers(self, table):
        """The engine's triggers on a table, by the declared name in theirs."""
        found = catalog.on_table(connection, table)
        return [re.fullmatch(r"pgtrigger_(.+)_\w{5}", trigger.pgid)[1] for trigger in found]

    def leftovers(self):
        """Triggers that nothing declares, and functions that no trigger calls."""
        undeclared = [(found.table, found.pgid) for found in administration.undeclared()]
        return undeclared + catalog.orphaned_functions(connection)


def shape(operations):
    """``["CreateModel entry", "AddTrigger entry:kept"]``: what was written, in short."""
    return [_shape(operation) for operation in operations]


def _shape(operation):
    name = type(operation).__name__
    if "Trigger" in name:
        return f"{name} {operation.model_name}:{operation.name}"
    about = [getattr(operation, part, "") for part in ("model_name", "name", "new_name")]
    return " ".join([name, *(str(part).lower() for part in about if part)])


def execute(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None
