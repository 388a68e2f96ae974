"""``ignore()``: which triggers do not fire in a block.

See Note [Transaction variables].
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Model

from pgtrigger import naming
from pgtrigger.session.databases import aliases
from pgtrigger.session.scopes import Scope
from pgtrigger.session.variables import Variable
from pgtrigger.sql import ignore_check
from pgtrigger.triggers import historical, registry
from pgtrigger.triggers.trigger import Trigger

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        return ignore_check.array(ignored.keys)
    declared = frozenset(key for key, _ in registry.items())
    return ignore_check.array(declared - ignored.keys)


def _render_kept(value: Mapping[str, _Ignored], database: str) -> str | None:
    """Render the triggers to keep if all others are ignored, because their list is shorter."""
    ignored = value.get(database)
    return ignore_check.array(ignored.keys) if ignored is not None and ignored.all_but else None


_ignored = Variable(ignore_check.IGNORE_SETTING, _render_ignored)


_kept = Variable(ignore_check.IGNORE_ALL_BUT_SETTING, _render_kept)


class ignore(Scope):
    """Ignore triggers: a context manager, and a decorator of functions, also of coroutines.

    Args:
        triggers: each a URI, a model (all triggers of its table, also those that its proxies
            declare), or a ``Trigger``; without any, every trigger is ignored. In a migration, a
            URI or model may be one of that time, and an unknown one is not an error.
        databases: the databases in which they are ignored; by default all.

    They are ignored in this thread or asyncio task only. Deferred triggers are ignored until
    COMMIT, if the transaction ends inside.

    Outside a transaction, a SELECT of a function that writes is not covered: put it inside
    ``transaction.atomic()``. A procedure that commits raises NotSupportedError.
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
        self.databases = aliases(databases)

    @classmethod
    def others(cls, *triggers: Named, databases: Iterable[str] | None = None) -> ignore:
        """Ignore every trigger but these."""
        return _IgnoreOthers(*triggers, databases=databases)

    @staticmethod
    def session(databases: Iterable[str] | None = None) -> contextlib.AbstractContextManager[None]:
        """Kept for code that opens one: settings follow each ``ignore()`` by themselves."""
        aliases(databases)
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
            for found in () if isinstance(named, type) else _found(named):
                if not found.ignorable:
                    raise ValueError(
                        f'Trigger "{found.uri}" cannot be ignored: '
                        "it is declared with ignorable=False."
                    )
        return _Ignored(_keys(self.triggers))


class _IgnoreOthers(ignore):
    def _ignored_here(self) -> _Ignored:
        return _Ignored(_keys(self.triggers), all_but=True)


def is_ignored(uri: str, database: str | None = None) -> bool:
    """Return whether a trigger is ignored now, on ``database`` or, without it, on any database."""
    value: Mapping[str, _Ignored] = _ignored.get() or {}
    return any(
        found.ignorable and found.key in ignored
        for found in _found(uri)
        for alias, ignored in value.items()
        if database in (None, alias)
    )


@dataclass(frozen=True)
class _Found:
    """A trigger that a URI, a model or a trigger stands for."""

    uri: str
    key: str
    ignorable: bool


def _found(named: Named) -> list[_Found]:
    """The triggers of the running migration's state, if any, or else the declared ones."""
    return _historical(named) or _declared(named)


def _historical(named: Named) -> list[_Found]:
    if isinstance(named, Trigger):
        return []
    found = historical.find(named) if isinstance(named, str) else historical.of_model(named)
    return [_Found(each.uri, each.ignore_key, each.compiled.sql.ignorable) for each in found]


def _is_model(named: object) -> bool:
    return isinstance(named, type) and issubclass(named, Model)


def _declared(named: Named) -> list[_Found]:
    """Return the declared triggers. Raise KeyError without any, unless a migration is running."""
    try:
        found = registry.family(named) if isinstance(named, str) else _registered(named)
    except KeyError:
        if historical.is_running():
            return []
        raise
    return [
        _Found(trigger.get_uri(model), registry.ignore_key(model, trigger), trigger.ignorable)
        for model, trigger in found
    ]


def _registered(named: type[Model] | Trigger) -> list[tuple[type[Model], Trigger]]:
    found = [
        member
        for model, trigger in registry.everywhere()
        if named is trigger or (_is_model(named) and _share_a_table(model, named))
        for member in registry.family(trigger.get_uri(model))
    ]
    if not found:
        raise KeyError(f"No trigger found: {named!r} does not declare one.")
    return found


def _share_a_table(model: type[Model], other: Any) -> bool:
    return bool(model._meta.db_table == other._meta.db_table)


def _keys(names: Iterable[Named]) -> frozenset[str]:
    """The ignore keys, in a migration both those of its state and the declared ones."""
    return frozenset(
        found.key for named in names for found in [*_historical(named), *_declared(named)]
    )
