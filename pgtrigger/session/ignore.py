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
from pgtrigger.triggers import registry
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
    """The triggers that are not ignored, where every other one is: the short way to say it."""
    ignored = value.get(database)
    return ignore_check.array(ignored.keys) if ignored is not None and ignored.all_but else None


_ignored = Variable(ignore_check.IGNORE_SETTING, _render_ignored)


_kept = Variable(ignore_check.IGNORE_ALL_BUT_SETTING, _render_kept)


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
        self.databases = aliases(databases)

    @classmethod
    def others(cls, *triggers: Named, databases: Iterable[str] | None = None) -> ignore:
        """Ignores every trigger but these."""
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


def is_ignored(uri: str, database: str | None = None) -> bool:
    """Whether a trigger is ignored here and now (on any database, if none is named)."""
    model, trigger = registry.find(uri)
    value: Mapping[str, _Ignored] = _ignored.get() or {}
    key = registry.ignore_key(model, trigger)
    return trigger.ignorable and any(
        key in ignored for alias, ignored in value.items() if database in (None, alias)
    )


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
