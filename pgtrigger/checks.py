"""System checks.

pgtrigger.E001
    Triggers are declared, and ``pgtrigger`` is missing in INSTALLED_APPS (``triggers.registry``).
pgtrigger.E002
    A declared trigger does not fit its model. If DEBUG is on, it is an error at the start.
pgtrigger.W001
    Declared triggers are not in the database as declared (``manage.py check --database ALIAS``).
pgtrigger.W002
    The database has triggers of the engine that no model declares.
pgtrigger.W003
    Declared triggers are installed, but do not fire: somebody disabled them.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core import checks
from django.db import connections

from pgtrigger import administration
from pgtrigger.database import catalog
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.apps import AppConfig

_left_out: ContextVar[bool] = ContextVar("left_out", default=False)


def register() -> None:
    checks.register(check_declared, checks.Tags.models)
    checks.register(check_installed, checks.Tags.database)


@contextlib.contextmanager
def left_out() -> Iterator[None]:
    """Leave these checks out before ``migrate``, which solves what they report."""
    token = _left_out.set(True)
    try:
        yield
    finally:
        _left_out.reset(token)


def check_declared(
    app_configs: Iterable[AppConfig] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Compile the declared triggers, unless that was done when the process started."""
    if settings.DEBUG:
        return []
    labels = None if app_configs is None else {config.label for config in app_configs}
    found: list[checks.CheckMessage] = []
    for model, trigger in registry.registered():
        if labels is None or model._meta.app_label in labels:
            try:
                trigger.compile(model)
            except ValueError as error:
                text = f"Trigger {trigger.get_uri(model)} does not fit its model: {error}"
                found.append(checks.Error(text, obj=model, id="pgtrigger.E002"))
    return found


def check_installed(
    databases: Iterable[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Compare the declared triggers with those of these databases."""
    aliases = [] if _left_out.get() else list(databases or ())
    return [
        message
        for alias in aliases
        if connections[alias].vendor == "postgresql"
        for message in _messages(alias)
    ]


def _messages(alias: str) -> Iterator[checks.CheckMessage]:
    entries, undeclared = administration.survey(database=alias)
    for status in (catalog.UNINSTALLED, catalog.OUTDATED):
        uris = [entry.uri for entry in entries if entry.status == status]
        if uris:
            yield checks.Warning(
                f'On database "{alias}" {len(uris)} declared triggers are {status}: '
                f"{', '.join(uris)}.",
                hint=f"Run manage.py migrate --database {alias}. manage.py pgtrigger diff "
                "shows the difference, manage.py pgtrigger install mends it.",
                id="pgtrigger.W001",
            )
    disabled = [entry.uri for entry in entries if entry.is_disabled]
    if disabled:
        yield checks.Warning(
            f'On database "{alias}" {len(disabled)} declared triggers do not fire: '
            f"{', '.join(disabled)}.",
            hint=f"Run manage.py pgtrigger enable --database {alias} {' '.join(disabled)}",
            id="pgtrigger.W003",
        )
    if undeclared:
        names = ", ".join(f"{trigger.table}:{trigger.pgid}" for trigger in undeclared)
        yield checks.Warning(
            f'On database "{alias}" {len(undeclared)} triggers are declared by no model: {names}.',
            hint=f"Run manage.py pgtrigger prune --database {alias}.",
            id="pgtrigger.W002",
        )
