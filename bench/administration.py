"""What many triggers cost when they are declared, listed, installed and migrated."""

from __future__ import annotations

import functools
import io
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from bench import wire
from bench.declared import declared, forget, model, rules
from bench.rounds import Report, Target, Turn, benchmark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

    import pgtrigger

TRIGGERS = 600
ROUNDS = 7


@benchmark
def listing(report: Report) -> None:
    triggers = report.size(TRIGGERS)
    with installed(triggers):
        with wire.statements() as sent:
            listed = _manage("pgtrigger", "ls")
        found = [line for line in listed.splitlines() if line.startswith("INSTALLED")]
        assert len(found) == triggers, listed
        catalog_queries = [statement for statement in sent if "pg_catalog.pg_trigger" in statement]
        report.count(f"catalog queries of ls, {triggers} triggers", len(catalog_queries), at_most=1)
        report.count(f"all statements of ls, {triggers} triggers", len(sent), at_most=5)


@benchmark
def installing(report: Report) -> None:
    triggers = report.size(TRIGGERS)
    install = functools.partial(_manage, "pgtrigger", "install")
    uninstall = functools.partial(_manage, "pgtrigger", "uninstall")
    with installed(triggers):
        report.compare(
            f"install of {triggers} triggers",
            {
                "nothing to do": Turn(install, before=install),
                "ls": Turn(functools.partial(_manage, "pgtrigger", "ls"), before=install),
                "the first": Turn(install, before=uninstall),
            },
            [
                Target("nothing to do", "the first", at_most=0.5),
                Target("nothing to do", "ls"),
            ],
            rounds=ROUNDS,
        )


@benchmark
def registering(report: Report) -> None:
    """``register`` of triggers on models that are there, a hundred on each."""

    def turn(count: int) -> Turn:
        made: list[tuple[type[Model], pgtrigger.Trigger]] = []

        def prepare() -> None:
            for _ in range(count // 100):
                target = model()
                made.extend((target, trigger) for trigger in rules(100))

        def register() -> None:
            for target, trigger in made:
                trigger.register(target)

        def clean() -> None:
            forget(list(dict.fromkeys(target for target, _ in made)))
            made.clear()

        return Turn(register, before=prepare, after=clean)

    report.compare(
        "registering",
        {"1,000 triggers": turn(1_000), "100 triggers": turn(100)},
        [Target("1,000 triggers", "100 triggers", at_most=13)],
    )


@benchmark
def migrating(report: Report) -> None:
    """``migrate`` of as many new models with a trigger each, and without."""
    models = report.size(300)
    with ExitStack() as stack:
        report.compare(
            f"migrate of {models} models",
            {
                "with a trigger each": stack.enter_context(migrations(models, triggers=1)),
                "without": stack.enter_context(migrations(models, triggers=0)),
            },
            [Target("with a trigger each", "without", at_most=2)],
            rounds=ROUNDS,
        )


@contextmanager
def installed(triggers: int) -> Iterator[None]:
    """So many triggers, two on a table, installed."""
    with declared(triggers, each=2) as models:
        with connection.schema_editor() as editor:
            for each in models:
                editor.create_model(each)
        try:
            _manage("pgtrigger", "install")
            yield
        finally:
            with connection.schema_editor() as editor:
                for each in models:
                    editor.delete_model(each)


@contextmanager
def migrations(models: int, triggers: int) -> Iterator[Turn]:
    """A turn that migrates from nothing, by migrations that makemigrations wrote."""
    package = f"benched_migrations_{triggers}"
    modules = override_settings(MIGRATION_MODULES={"bench": package, "pghistory": None})
    made: list[type[Model]] = []
    names = [f"Migrated{triggers}x{number}" for number in range(models)]

    def declare() -> None:
        made.extend(model(rules(triggers), name=name) for name in names)
        modules.enable()

    def withdraw() -> None:
        _manage("migrate", "bench", "zero")
        modules.disable()
        forget(made)
        made.clear()

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / package).mkdir()
        (Path(folder) / package / "__init__.py").touch()
        sys.path.insert(0, folder)
        try:
            declare()
            _manage("makemigrations", "bench")
            withdraw()
            yield Turn(
                functools.partial(_manage, "migrate", "bench"), before=declare, after=withdraw
            )
        finally:
            sys.path.remove(folder)


def _manage(*arguments: str) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()
