"""Other ways to write than a form: what a chapter's sandbox offers beside Add, Save and Delete."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections, models
from psycopg import sql

import pgtrigger
from integrity import conversion
from tutorial.models import (
    FSM,
    CannotDelete,
    Invoice,
    OfficialInterface,
    Page,
    Project,
    Task,
    User,
)

_RULE = "tutorial.CannotDelete:protect_deletes"


@dataclass(frozen=True)
class Way:
    """A button. `call` gets the row, or the alias of the database if it is not about a row.

    It returns the row that it added, if it added one. Anything else that it returns is shown.
    """

    model: type[models.Model]
    label: str
    call: Callable[[Any], Any]
    is_of_row: bool = False


class EmailMustBeLowerCase(Exception):
    """The exception that the chapter on refined errors raises for the CHECK constraint."""


class UserAlreadyExists(Exception):
    """The exception that the chapter on refined errors raises for the unique constraint."""


class EmailCannotBeNull(Exception):
    """The exception that the chapter on refined errors raises for NOT NULL."""


class AlreadyInactive(Exception):
    """The exception that the chapter on refined rules raises for the transition."""


# The rules with which a chapter's sandbox refines errors, by the name of its scenario module.
REFINEMENTS: Mapping[str, Sequence[tuple[Any, type[Exception]]]] = {
    "refined_errors": [
        (conversion.Unique(model=User, fields=("email",)), UserAlreadyExists),
        (conversion.NotNull(model=User, field="email"), EmailCannotBeNull),
        (conversion.Named(name="constraint_islowercase"), EmailMustBeLowerCase),
    ],
    "refined_rules": [
        (conversion.Trigger(model=FSM, name="validate_status_transitions"), AlreadyInactive)
    ],
}


def _ignoring(uri: str) -> Callable[[Any], None]:
    def delete(row: Any) -> None:
        with pgtrigger.ignore(uri):
            row.delete()

    return delete


def _replace_function(alias: str) -> str:
    """Replace the function of the rule by one that does nothing, as somebody at psql might."""
    for model, trigger in pgtrigger.registered(_RULE):
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT pronamespace::regnamespace::text, proname"
                " FROM pg_catalog.pg_trigger JOIN pg_catalog.pg_proc ON pg_proc.oid = tgfoid"
                " WHERE tgname = %s AND tgrelid = %s::regclass",
                [trigger.get_pgid(model), model._meta.db_table],
            )
            replacement = sql.SQL(
                "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS {}"
            ).format(sql.Identifier(*cursor.fetchone()), sql.Literal("BEGIN RETURN OLD; END"))
            cursor.execute(replacement.as_string())
    return _status()


def _install(alias: str) -> str:
    pgtrigger.install(_RULE)
    return _status()


def _status() -> str:
    """Return the status as `pgtrigger ls` shows it."""
    ((model, trigger),) = pgtrigger.registered(_RULE)
    return trigger.get_installation_status(model)[0]


def _officially_created(alias: str) -> Any:
    manager: Any = OfficialInterface.objects
    return manager.official_create()


def _reverted(row: Any) -> None:
    row.event.order_by("pgh_id").first().revert()


def _undeleted(row: Any) -> dict[str, int]:
    return pgtrigger.undelete(row)


WAYS: Mapping[str, Sequence[Way]] = {
    "official_interface": [
        Way(
            OfficialInterface,
            "Add with official_create()",
            _officially_created,
        )
    ],
    "immutable_rows": [
        Way(Invoice, "Delete inside ignore()", _ignoring("tutorial.Invoice:frozen"), True)
    ],
    "undelete": [
        Way(Project, "undelete()", _undeleted, True),
        Way(Task, "undelete()", _undeleted, True),
    ],
    "revert": [Way(Page, "Revert to the first event", _reverted, True)],
    "drift": [
        Way(CannotDelete, "Replace the function by hand", _replace_function),
        Way(CannotDelete, "pgtrigger install", _install),
    ],
}


def ways_of(chapter: str, model: type[models.Model]) -> list[tuple[int, Way]]:
    """Return the chapter's ways to write the model, each with its number."""
    return [(n, way) for n, way in enumerate(WAYS.get(chapter, ())) if way.model is model]
