"""Objects as they were, and what differs between two states.

``History`` is ``Model.history`` of a tracked model. Times are those of ``pgh_created_at``: when an
event was written, which others saw from the COMMIT on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models
from psycopg import sql

from pghistory import diffs, inheritance, restoring
from pghistory.queries import EventQuery
from pgtrigger import naming
from pgtrigger.rows import column_identifier

if TYPE_CHECKING:
    from datetime import datetime


class History:
    """What a model's rows were."""

    def __init__(self, model: Any):
        self.model = model

    def as_of(self, time: datetime) -> models.QuerySet[Any]:
        """The objects of the model as they were at that time: a queryset as any other.

        ValueError where the events do not say it: where they leave fields out, hold old rows
        only, or where the model has its fields in several tables.
        """
        event_model = _complete_event_model(self.model)
        if len(inheritance.tables(self.model)) > 1:
            raise ValueError(
                f"{self.model._meta.label} has its fields in several tables, which no queryset can "
                "show as they were: ask for one object with pghistory.as_of()."
            )
        query = _PastQuery(self.model)
        query.event_model, query.time = event_model, time
        return models.QuerySet(self.model, query=query)


class _PastQuery(EventQuery):
    """A query over what a table was."""

    event_model: Any
    time: datetime

    def table_sql(self, connection: Any) -> tuple[str, Any]:
        columns = [column_identifier(field) for field in diffs.tracked_columns(self.event_model)]
        obj = [sql.Identifier(name) for name in diffs.obj_columns(self.event_model)]
        statement = sql.SQL(
            "SELECT {} FROM (SELECT DISTINCT ON ({}) * FROM {} WHERE pgh_created_at <= {} "
            "AND pgh_label <> ALL ({}) ORDER BY {}, pgh_id DESC) AS e WHERE pgh_label <> ALL ({})"
        ).format(
            sql.SQL(", ").join(columns),
            sql.SQL(", ").join(obj),
            naming.table_identifier(self.event_model._meta.db_table),
            sql.Literal(self.time),
            sql.Literal(diffs.labels_of_old_rows(self.event_model)),
            sql.SQL(", ").join(obj),
            sql.Literal(diffs.labels_of_deletions(self.event_model)),
        )
        return naming.as_text(statement).replace("%", "%%"), ()


def as_of(obj: Any, time: datetime) -> Any:
    """The object as it was at that time, not saved; None where it was not there.

    ValueError where the events do not say it.
    """
    event_model = _complete_event_model(type(obj))
    event = (
        event_model.objects.using(obj._state.db)
        .filter(pgh_obj=obj.pk, pgh_created_at__lte=time)
        .exclude(pgh_label__in=diffs.labels_of_old_rows(event_model))
        .order_by("pgh_id")
        .last()
    )
    if event is None or event.pgh_label in diffs.labels_of_deletions(event_model):
        return None
    return restoring.instance(event)


def diff(before: Any, after: Any) -> dict[str, list[Any]]:
    """What differs between two events of one model, or events and the object itself.

    Each field that both have and that differs, with its two values. ValueError for two models.
    """
    tracked = [_tracked(before), _tracked(after)]
    if tracked[0] is not tracked[1]:
        labels = " and ".join(each._meta.label for each in tracked)
        raise ValueError(f"diff() compares states of one model: found {labels}.")
    names = [_held(each) for each in (before, after)]
    return {
        field.name: [getattr(before, field.attname), getattr(after, field.attname)]
        for field in inheritance.all_columns(tracked[0])
        if field.name in names[0] & names[1]
        and getattr(before, field.attname) != getattr(after, field.attname)
    }


def _tracked(state: Any) -> Any:
    return inheritance.concrete(getattr(state, "pgh_tracked_model", None) or type(state))


def _held(state: Any) -> set[str]:
    if hasattr(state, "pgh_tracked_fields"):
        return set(state.pgh_tracked_fields())
    return {field.name for field in inheritance.all_columns(type(state))}


def _complete_event_model(model: Any) -> Any:
    """An event model that holds the whole row as each insert and update left it."""
    label = model._meta.label
    tried = dict.fromkeys(getattr(model, "pgh_event_models", {}).values())
    reasons = []
    for event_model in tried:
        missing = restoring.missing_fields(event_model)
        if missing:
            reasons.append(f"{event_model._meta.label} leaves out {', '.join(missing)}")
        elif not diffs.obj_columns(event_model):
            reasons.append(f"{event_model._meta.label} has no pgh_obj")
        elif not diffs.follows_updates(event_model):
            reasons.append(f"{event_model._meta.label} has no event of each update's new row")
        else:
            return event_model
    reason = "; ".join(reasons) or "it is not tracked"
    raise ValueError(
        f"The history of {label} does not say what it was: {reason}. Track inserts, updates and "
        "deletions of all fields, with @pghistory.track()."
    )
