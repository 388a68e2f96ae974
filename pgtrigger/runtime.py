"""What code asks of the triggers while it runs: ignore, schema, constraints.

See Note [Transaction variables].
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Model
from psycopg import sql

from pgtrigger import clauses, compiler, naming, registry
from pgtrigger.triggers import Trigger
from pgtrigger.variables import (
    DEFINITIONS,
    READS,
    WRITES,
    RestoredVariable,
    Scope,
    Variable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class _Ignored:
    """The triggers that one ``ignore()`` names, and those of the ones around it."""

    keys: frozenset[str]
    everything: bool
    databases: frozenset[str] | None
    outer: _Ignored | None

    def layers(self, database: str | None = None) -> Iterator[_Ignored]:
        layer: _Ignored | None = self
        while layer:
            if database is None or layer.databases is None or database in layer.databases:
                yield layer
            layer = layer.outer


@dataclass(frozen=True)
class _SearchPath:
    schemas: tuple[str, ...]
    databases: frozenset[str] | None


def _render_ignored(value: _Ignored, database: str) -> str | None:
    layers = list(value.layers(database))
    if not layers:
        return None
    keys = sorted(frozenset().union(*(layer.keys for layer in layers)))
    if any(layer.everything for layer in layers):
        keys.insert(0, compiler.IGNORE_EVERYTHING)
    return "{" + ",".join(map(compiler.array_element, keys)) + "}"


def _render_search_path(value: _SearchPath, database: str) -> str | None:
    if value.databases is not None and database not in value.databases:
        return None
    return naming.as_text(sql.SQL(", ").join(map(sql.Identifier, value.schemas)))


_ignored = Variable(compiler.IGNORE_SETTING, _render_ignored)
_search_path = RestoredVariable(
    "search_path", _render_search_path, statements=WRITES | READS | DEFINITIONS
)


class ignore(Scope):
    """Ignores triggers: a context manager, and a decorator of functions, also of coroutines.

    Each trigger is a URI, a model (all of its triggers), or a ``Trigger``; none means every
    trigger. ``databases`` limits it to these. What is ignored is so for this thread or asyncio
    task only, and for deferred triggers until COMMIT if the transaction ends inside.

    A COPY outside a transaction carries no setting: put it inside ``transaction.atomic()``.
    """

    def __init__(
        self, *triggers: str | type[Model] | Trigger, databases: Iterable[str] | None = None
    ):
        for trigger in triggers:
            if isinstance(trigger, str):
                naming.validate_uri(trigger)
        self.triggers = triggers
        self.databases = _aliases(databases)

    @classmethod
    def others(
        cls, *triggers: str | type[Model] | Trigger, databases: Iterable[str] | None = None
    ) -> ignore:
        """Ignores every trigger but these."""
        return _IgnoreOthers(*triggers, databases=databases)

    @staticmethod
    def session(databases: Iterable[str] | None = None) -> contextlib.AbstractContextManager[None]:
        """Kept for code that opens one: settings follow each ``ignore()`` by themselves."""
        _aliases(databases)
        return contextlib.nullcontext()

    def values(self) -> dict[Variable, Any]:
        keys = _keys(self.triggers) if self.triggers else _ignorable_keys()
        return {_ignored: _Ignored(keys, not self.triggers, self.databases, outer=_ignored.get())}


class _IgnoreOthers(ignore):
    def values(self) -> dict[Variable, Any]:
        kept = frozenset(
            registry.ignore_key(model, trigger)
            for named in self.triggers
            for model, trigger in _named(named)
        )
        keys = _ignorable_keys() - kept
        return {_ignored: _Ignored(keys, False, self.databases, outer=_ignored.get())}


class schema(Scope):
    """Sets ``search_path`` to these schemas: a context manager, and a decorator."""

    def __init__(self, *schemas: str, databases: Iterable[str] | None = None):
        if not schemas:
            raise ValueError("schema() needs at least one schema.")
        self.schemas = schemas
        self.databases = _aliases(databases)

    @staticmethod
    def session(databases: Iterable[str] | None = None) -> contextlib.AbstractContextManager[None]:
        """Kept for code that opens one: settings follow each ``schema()`` by themselves."""
        _aliases(databases)
        return contextlib.nullcontext()

    def values(self) -> dict[Variable, Any]:
        return {_search_path: _SearchPath(self.schemas, self.databases)}


def is_ignored(uri: str, database: str | None = None) -> bool:
    """Whether a trigger is ignored here and now (on any database, if none is named)."""
    model, trigger = registry.find(uri)
    value: _Ignored | None = _ignored.get()
    if value is None or not trigger.ignorable:
        return False
    key = registry.ignore_key(model, trigger)
    return any(layer.everything or key in layer.keys for layer in value.layers(database))


def constraints(timing: clauses.Timing, *uris: str, databases: Iterable[str] | None = None) -> None:
    """Sets when deferrable triggers fire, for the rest of the transaction.

    Without URIs, all deferrable ones. ValueError for a trigger that is not deferrable,
    RuntimeError outside a transaction.

    https://www.postgresql.org/docs/current/sql-set-constraints.html
    """
    if not isinstance(timing, clauses.Timing):
        raise ValueError(
            f"Invalid timing {timing!r}: expected pgtrigger.Immediate or pgtrigger.Deferred."
        )
    chosen = registry.registered(*uris)
    for model, trigger in chosen if uris else ():
        if not trigger.timing:
            raise ValueError(
                f'Trigger "{trigger.get_uri(model)}" is not deferrable: '
                "declare it with timing=pgtrigger.Immediate or timing=pgtrigger.Deferred."
            )
    for alias in _aliases(databases) or _postgres_aliases():
        names = [
            sql.Identifier(trigger.get_pgid(model))
            for model, trigger in chosen
            if trigger.timing and trigger.allow_migrate(model, alias)
        ]
        connection = connections[alias]
        if not connection.in_atomic_block:
            raise RuntimeError(
                f'Database "{alias}" is not in a transaction, where alone SET CONSTRAINTS '
                "has an effect: call constraints() inside transaction.atomic()."
            )
        if names:
            statement = sql.SQL("SET CONSTRAINTS {} {}").format(
                sql.SQL(", ").join(names), sql.SQL(str(timing))
            )
            with connection.cursor() as cursor:
                cursor.execute(naming.as_text(statement))


def _named(named: str | type[Model] | Trigger) -> list[tuple[type[Model], Trigger]]:
    """The declared triggers that a URI, a model or a trigger stands for."""
    if isinstance(named, str):
        return [registry.find(named)]
    everything = registry.registered()
    if isinstance(named, Trigger):
        found = [pair for pair in everything if pair[1] is named]
    elif isinstance(named, type) and issubclass(named, Model):
        found = [pair for pair in everything if pair[0] is named]
    else:
        raise TypeError(f"ignore() takes URIs, models and triggers: found {named!r}.")
    if not found:
        raise KeyError(f"No trigger found: {named!r} has none declared.")
    return found


def _keys(triggers: Iterable[str | type[Model] | Trigger]) -> frozenset[str]:
    keys = set()
    for named in triggers:
        for model, trigger in _named(named):
            if not trigger.ignorable and not isinstance(named, type):
                raise ValueError(
                    f'Trigger "{trigger.get_uri(model)}" cannot be ignored: '
                    "it is declared with ignorable=False."
                )
            keys.add(registry.ignore_key(model, trigger))
    return frozenset(keys)


def _ignorable_keys() -> frozenset[str]:
    return frozenset(key for key, _ in registry.items())


def _aliases(databases: Iterable[str] | None) -> frozenset[str] | None:
    if databases is None:
        return None
    found = frozenset(databases)
    for alias in found:
        connections[alias]
    return found


def _postgres_aliases() -> list[str]:
    return [alias for alias in connections if connections[alias].vendor == "postgresql"]
