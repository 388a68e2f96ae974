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

from pgtrigger import catalog, clauses, ignoring, naming, registry
from pgtrigger.scopes import Scope
from pgtrigger.statements import ANYTHING
from pgtrigger.triggers import Trigger
from pgtrigger.variables import RestoredVariable, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Named = str | type[Model] | Trigger


@dataclass(frozen=True)
class _Ignored:
    """Triggers by their ignore keys: these or, with ``all_but``, every other one."""

    keys: frozenset[str] = frozenset()
    all_but: bool = False

    def __contains__(self, key: str) -> bool:
        return (key in self.keys) != self.all_but

    def __or__(self, other: _Ignored) -> _Ignored:
        if self.all_but and other.all_but:
            return _Ignored(self.keys & other.keys, True)
        if self.all_but or other.all_but:
            wide, narrow = (self, other) if self.all_but else (other, self)
            return _Ignored(wide.keys - narrow.keys, True)
        return _Ignored(self.keys | other.keys)


def _render_ignored(value: Mapping[str, _Ignored], database: str) -> str | None:
    ignored = value.get(database)
    if ignored is None:
        return None
    if not ignored.all_but:
        return ignoring.array(ignored.keys)
    declared = frozenset(key for key, _ in registry.items())
    return ignoring.array(declared - ignored.keys)


def _render_kept(value: Mapping[str, _Ignored], database: str) -> str | None:
    """The triggers that are not ignored, where every other one is: the short way to say it."""
    ignored = value.get(database)
    return ignoring.array(ignored.keys) if ignored is not None and ignored.all_but else None


def _render_search_path(value: Mapping[str, Sequence[str]], database: str) -> str | None:
    schemas = value.get(database)
    if schemas is None:
        return None
    return naming.as_text(sql.SQL(", ").join(map(sql.Identifier, schemas)))


_ignored = Variable(ignoring.IGNORE_SETTING, _render_ignored)
_kept = Variable(ignoring.IGNORE_ALL_BUT_SETTING, _render_kept)
_search_path = RestoredVariable("search_path", _render_search_path, statements=ANYTHING)


class ignore(Scope):
    """Ignores triggers: a context manager, and a decorator of functions, also of coroutines.

    Each trigger is a URI, a model (all triggers of its table, also those that its proxies
    declare), or a ``Trigger``; none means every trigger. ``databases`` limits it to these. What is
    ignored is so for this thread or asyncio task only, and for deferred triggers until COMMIT if
    the transaction ends inside.

    Outside a transaction COPY, CALL, DO, and a SELECT of a function that writes carry no setting:
    put them inside ``transaction.atomic()``.
    """

    def __init__(self, *triggers: Named, databases: Iterable[str] | None = None):
        for trigger in triggers:
            if isinstance(trigger, str):
                naming.validate_uri(trigger)
            elif not isinstance(trigger, Trigger) and not _is_model(trigger):
                raise TypeError(
                    f"{type(self).__name__}() takes URIs, models and triggers: found {trigger!r}."
                )
        self.triggers = triggers
        self.databases = _aliases(databases)

    @classmethod
    def others(cls, *triggers: Named, databases: Iterable[str] | None = None) -> ignore:
        """Ignores every trigger but these."""
        return _IgnoreOthers(*triggers, databases=databases)

    @staticmethod
    def session(databases: Iterable[str] | None = None) -> contextlib.AbstractContextManager[None]:
        """Kept for code that opens one: settings follow each ``ignore()`` by themselves."""
        _aliases(databases)
        return contextlib.nullcontext()

    def values(self) -> dict[Variable, Any]:
        ignored: dict[str, _Ignored] = dict(_ignored.get() or {})
        here = self._ignored_here()
        for alias in connections if self.databases is None else self.databases:
            ignored[alias] = ignored.get(alias, _Ignored()) | here
        return {_ignored: ignored, _kept: ignored}

    def _ignored_here(self) -> _Ignored:
        if not self.triggers:
            return _Ignored(all_but=True)
        for named in self.triggers:
            for model, trigger in _declared(named):
                if not trigger.ignorable and not isinstance(named, type):
                    raise ValueError(
                        f'Trigger "{trigger.get_uri(model)}" cannot be ignored: '
                        "it is declared with ignorable=False."
                    )
        return _Ignored(_keys(self.triggers))


class _IgnoreOthers(ignore):
    def _ignored_here(self) -> _Ignored:
        return _Ignored(_keys(self.triggers), all_but=True)


class schema(Scope):
    """Sets ``search_path`` to these schemas: a context manager, and a decorator.

    Outside a transaction each statement gets one of its own for it, so that a procedure that
    commits cannot be called there. What cannot be or means nothing in a transaction of its own
    (VACUUM, CLUSTER, REINDEX, LOCK, ... CONCURRENTLY), and COPY, look where they always look.
    """

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
        outside: Mapping[str, Sequence[str]] = _search_path.get() or {}
        here = connections if self.databases is None else self.databases
        return {_search_path: {**outside, **dict.fromkeys(here, self.schemas)}}


def is_ignored(uri: str, database: str | None = None) -> bool:
    """Whether a trigger is ignored here and now (on any database, if none is named)."""
    model, trigger = registry.find(uri)
    value: Mapping[str, _Ignored] = _ignored.get() or {}
    key = registry.ignore_key(model, trigger)
    return trigger.ignorable and any(
        key in ignored for alias, ignored in value.items() if database in (None, alias)
    )


def constraints(timing: clauses.Timing, *uris: str, databases: Iterable[str] | None = None) -> None:
    """Sets when deferrable triggers fire, for the rest of the transaction.

    Without URIs, all deferrable ones that are installed where ``search_path`` finds their tables;
    without databases, on those that are in a transaction.
    ValueError for a trigger that is not deferrable, RuntimeError outside a transaction.

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
    for alias in _in_transaction(_aliases(databases)):
        declared = [
            (model._meta.db_table, trigger.get_pgid(model))
            for model, trigger in chosen
            if trigger.timing and trigger.allow_migrate(model, alias)
        ]
        names = _named(declared) if uris else _installed(declared, alias)
        if names:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    sql.SQL("SET CONSTRAINTS {} {}").format(
                        sql.SQL(", ").join(names), sql.SQL(str(timing))
                    )
                )


def _in_transaction(databases: frozenset[str] | None) -> list[str]:
    """These databases, which must all be in a transaction, or those that are; at least one."""
    found = [
        alias
        for alias in (connections if databases is None else databases)
        if connections[alias].vendor == "postgresql" and connections[alias].in_atomic_block
    ]
    missing = sorted((databases or {"default"}) - set(found))
    if not found or (databases and missing):
        raise RuntimeError(
            f'Database "{missing[0]}" is not in a transaction, where alone SET CONSTRAINTS '
            "has an effect: call constraints() inside transaction.atomic()."
        )
    return found


def _named(declared: Iterable[tuple[str, str]]) -> list[sql.Identifier]:
    """The constraints of these tables and triggers, in the schema that a table's name says."""
    return [naming.table_identifier(pgid, naming.split_table(table)[0]) for table, pgid in declared]


def _installed(declared: Iterable[tuple[str, str]], alias: str) -> list[sql.Identifier]:
    """The constraints that are there of these tables and triggers."""
    snapshot = catalog.read(connections[alias])
    found = [snapshot.find(table, pgid) for table, pgid in declared]
    return [sql.Identifier(t.schema, t.pgid) for t in found if t and t.is_constraint]


def _is_model(named: object) -> bool:
    return isinstance(named, type) and issubclass(named, Model)


def _declared(named: Named) -> list[tuple[type[Model], Trigger]]:
    """The declared triggers that a URI, a model or a trigger stands for."""
    if isinstance(named, str):
        return [registry.find(named)]
    found = [
        (model, trigger)
        for model, trigger in registry.registered()
        if named is trigger or (_is_model(named) and _share_a_table(model, named))
    ]
    if not found:
        raise KeyError(f"No trigger found: {named!r} has none declared.")
    return found


def _share_a_table(model: type[Model], other: Any) -> bool:
    return bool(model._meta.db_table == other._meta.db_table)


def _keys(names: Iterable[Named]) -> frozenset[str]:
    return frozenset(
        registry.ignore_key(model, trigger)
        for named in names
        for model, trigger in _declared(named)
    )


def _aliases(databases: Iterable[str] | None) -> frozenset[str] | None:
    if databases is None:
        return None
    if isinstance(databases, str):
        raise TypeError(f"databases takes a list of aliases: found {databases!r}.")
    found = frozenset(databases)
    for alias in found:
        connections[alias]
    return found
