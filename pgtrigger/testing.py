"""Assertions about rules, for tests of any framework; ``pgtrigger.pytest_plugin`` reports on them.

with refuses(Order, "flow", key=order.pk, old="paid"):
    order.status = "draft"
    order.save()
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, connections, router, transaction

from pgtrigger import administration
from pgtrigger.errors import RaisedError, TriggerError
from pgtrigger.session.ignore import is_ignored
from pgtrigger.triggers import registry
from pgtrigger.triggers.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model


class Refused:
    """The error that ``refuses()`` caught, set when the block has ended.

    Attributes:
        error: the TriggerError, or a RaisedError if the trigger's own function has a RAISE.
    """

    error: Any


class _NotRefused(Exception):
    pass


@contextmanager
def refuses(
    model: type[Model], rule: str, *, using: str | None = None, **expected: Any
) -> Iterator[Refused]:
    """Assert that this rule refuses what the block writes, with these attributes of the error.

    The block runs in a savepoint, which is rolled back. Deferred rules fire at its end. A trigger
    whose own function has a RAISE refuses with that; ``expected`` may have its ``message``.

    Args:
        model: the model on which the rule is declared.
        rule: the rule's name.
        using: the database, by default the one that the model is written to.
        expected: attributes of the error, or entries of its detail: ``key``, ``field``, ``code``,
            ``old``, ``new`` … A key of one field may be given as its value.

    Raises:
        AssertionError: nothing or another rule refused, or an attribute differs.
        KeyError: the model has no such rule.
    """
    uri = f"{model._meta.label}:{rule}"
    known = {trigger.get_uri(owner) for owner, trigger in registry.family(uri)}
    alias = using or router.db_for_write(model)
    refused = Refused()
    try:
        with transaction.atomic(using=alias):
            yield refused
            _fire_deferred(alias)
            raise _NotRefused
    except _NotRefused:
        raise AssertionError(f"{uri} did not refuse the write. {_state(uri, alias)}") from None
    except TriggerError as error:
        if error.uri not in known:
            raise AssertionError(
                f"{uri} was expected to refuse the write, but {error.uri} did: {_first(error)}"
            ) from error
        _compare(uri, error, expected)
        refused.error = error
    except RaisedError as error:
        if raised_by(error) not in known:
            raise AssertionError(
                f"{uri} was expected to refuse the write, but {_raiser(error)} raised: "
                f"{_first(error)}"
            ) from error
        _compare(uri, error, expected)
        refused.error = error
    except DatabaseError as error:
        raise AssertionError(
            f"{uri} was expected to refuse the write, but PostgreSQL did: {_first(error)}"
        ) from error


@contextmanager
def allows(*, using: str = "default") -> Iterator[None]:
    """Assert that no rule refuses what the block writes. Deferred rules fire at its end.

    Raises:
        AssertionError: a rule refused; the block's writes are rolled back.
    """
    try:
        with transaction.atomic(using=using):
            yield
            _fire_deferred(using)
    except TriggerError as error:
        raise AssertionError(f"{error.uri} refused the write: {_first(error)}") from error
    except RaisedError as error:
        raise AssertionError(f"{_raiser(error)} raised: {_first(error)}") from error


def raised_by(error: RaisedError) -> str | None:
    """Return the URI of the trigger whose function raised the error, itself or by a call.

    None if the function does not belong to a declared trigger.
    """
    found = [
        (position, trigger.get_uri(model))
        for model, trigger in registry.everywhere()
        if (position := error.functions.find(f"{trigger.get_pgid(model)}_")) >= 0
    ]
    return min(found)[1] if found else None


def history_of(obj: Model) -> list[Any]:
    """Return the events that pghistory has written of an object, the first one first.

    Raises:
        LookupError: the model is not tracked.
    """
    models = list(dict.fromkeys(getattr(type(obj), "pgh_event_models", {}).values()))
    if not models:
        raise LookupError(f"{type(obj)._meta.label} is not tracked: it has no event model.")
    events = [event for model in models for event in model.objects.filter(pgh_obj_id=obj.pk)]
    return sorted(events, key=lambda event: (event.pgh_created_at, event.pgh_id))


def _fire_deferred(alias: str) -> None:
    """Let deferred rules fire now. The rollback puts them back to what they were."""
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True, using=alias)


def _compare(uri: str, error: TriggerError | RaisedError, expected: dict[str, Any]) -> None:
    detail = error.detail if isinstance(error, TriggerError) else {}
    for name, value in expected.items():
        found = getattr(error, name, detail.get(name))
        if name == "key" and isinstance(found, dict) and not isinstance(value, dict):
            found = next(iter(found.values()), None)
        if found != value:
            raise AssertionError(
                f"{uri} refused the write as expected, but its {name} is {found!r}, "
                f"not {value!r}: {_first(error)}"
            ) from error


def _state(uri: str, alias: str) -> str:
    """Return why a rule may not have fired."""
    if is_ignored(uri, alias):
        return "It is ignored here."
    for entry in administration.entries(uri, database=alias):
        if (entry.status, entry.state) not in (("INSTALLED", "ENABLED"), ("INSTALLED", "ALWAYS")):
            return f"On database {alias!r} {entry.uri} is {entry.status} and {entry.state}."
    for _, trigger in registry.family(uri):
        if isinstance(trigger, Rule) and trigger.reports:
            return f'{uri} has mode="report": it records, and lets the write pass.'
    return "It is installed and enabled, so its condition was not true of any row."


def _raiser(error: RaisedError) -> str:
    return raised_by(error) or "a function that no trigger declares"


def _first(error: Exception) -> str:
    return str(error).partition("\n")[0]
