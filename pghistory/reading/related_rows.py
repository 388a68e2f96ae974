"""Rows that were added to an object's relations or removed from them: ``track(with_=["lines"])``.

They are read from the events of the related rows' own table; nothing is written for the object. A
row is added when it is inserted or begins to refer to the object, and removed when it is deleted or
refers to another one. Its value is its key, and in a many-to-many relation that of the far object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef
from psycopg import sql

from pghistory.reading import labels
from pghistory.tracking import event_models
from pghistory.vocabulary import inheritance
from pgtrigger import naming
from pgtrigger.vocabulary.columns import postgres_connection

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.db.models import Model


@dataclass(frozen=True)
class Relation:
    """A relation of a tracked model, and the events of its rows."""

    name: str
    tracked_model: type[Model]
    event_model: Any
    near: Any
    """The field of an event that refers to the object."""
    value: Any
    """The field of an event that is shown: the row's key, or the far object's."""
    identity: tuple[Any, ...]
    """The fields of an event that say which row it is about."""

    def branch(self, objs: Sequence[Model]) -> sql.Composable:
        """The events that added a row to an object's relation or removed one, as a FROM clause.

        In it ``e`` is the event, ``parent.key`` the object's key, and ``is_added`` says which.
        """
        kinds = labels.of(self.event_model)
        far = self.near.target_field
        connection = postgres_connection()
        keys = sql.SQL(", ").join(
            sql.SQL("({}::{})").format(
                sql.Literal(far.get_db_prep_value(getattr(obj, far.attname), connection)),
                sql.SQL(far.rel_db_type(connection) or far.db_type(connection)),
            )
            for obj in objs
        )
        same = sql.SQL(" AND ").join(
            sql.SQL("{{other}}.{0} = {{one}}.{0}").format(sql.Identifier(field.column))
            for field in self.identity
        )
        text = same.as_string()
        return sql.SQL(_BRANCH).format(
            keys=keys,
            events=naming.table_identifier(self.event_model._meta.db_table),
            near=sql.Identifier(self.near.column),
            told=sql.Literal([*kinds.stayed, *kinds.gone]),
            gone=sql.Literal(kinds.gone),
            stayed=sql.Literal(kinds.stayed),
            inserts=sql.Literal(kinds.of_inserts),
            next_of_c=sql.SQL(text.format(other="n", one="c")),
            previous_of_e=sql.SQL(text.format(other="p", one="e")),
        )

    def keys_at(self, key: Any, time: datetime, using: str | None) -> list[Any]:
        """The values of the relation's rows at a time."""
        kinds = labels.of(self.event_model)
        told = {"pgh_label__in": [*kinds.stayed, *kinds.gone], "pgh_created_at__lte": time}
        events = self.event_model._base_manager.using(using).filter(**told)
        same = {field.attname: OuterRef(field.attname) for field in self.identity}
        later = self.event_model._base_manager.using(using).filter(
            **same, **told, pgh_id__gt=OuterRef("pgh_id")
        )
        found = events.filter(**{self.near.attname: key}, pgh_label__in=kinds.stayed)
        values = found.exclude(Exists(later)).values_list(self.value.attname, flat=True)
        return sorted(values, key=lambda value: (str(type(value)), value))


# Candidates are the events that refer to the object, and the next event of each of their rows.
_BRANCH = """
(VALUES {keys}) AS parent(key)
CROSS JOIN LATERAL (
    SELECT c.pgh_id FROM {events} AS c WHERE c.{near} = parent.key
    UNION
    SELECT following.pgh_id FROM {events} AS c CROSS JOIN LATERAL (
        SELECT n.pgh_id FROM {events} AS n
        WHERE {next_of_c} AND n.pgh_id > c.pgh_id AND n.pgh_label = ANY ({told})
        ORDER BY n.pgh_id LIMIT 1
    ) AS following WHERE c.{near} = parent.key
) AS candidate
JOIN {events} AS e ON e.pgh_id = candidate.pgh_id AND e.pgh_label = ANY ({told})
LEFT JOIN LATERAL (
    SELECT p.pgh_label, p.{near} AS near FROM {events} AS p
    WHERE {previous_of_e} AND p.pgh_id < e.pgh_id AND p.pgh_label = ANY ({told})
    ORDER BY p.pgh_id DESC LIMIT 1
) AS previous ON true
CROSS JOIN LATERAL (
    SELECT e.pgh_label = ANY ({stayed}) AND e.{near} IS NOT DISTINCT FROM parent.key AS is_now,
        CASE WHEN previous.pgh_label IS NULL THEN e.pgh_label <> ALL ({inserts})
            ELSE previous.pgh_label = ANY ({stayed})
                AND previous.near IS NOT DISTINCT FROM parent.key
        END AS was_before
) AS state
CROSS JOIN LATERAL (SELECT state.is_now AS is_added WHERE state.is_now <> state.was_before) AS moved
"""


def of_objects(objs: Sequence[Model]) -> Iterator[Relation]:
    """The relations that are in the timelines of these objects, which are of one model."""
    own = inheritance.tables(type(objs[0])) if objs else []
    found: set[str] = set()
    for event_model in event_models.all_event_models():
        if inheritance.concrete(event_model.pgh_tracked_model) in own:
            for name in event_model.pgh_with:
                if name not in found:
                    found.add(name)
                    yield resolve(event_model.pgh_tracked_model, name)


def diff(before: Any, after: Any) -> dict[str, list[Any]]:
    """The relations whose rows differ between two states, each with its values at both times."""
    from django.utils import timezone

    tracked = getattr(before, "pgh_tracked_model", None) or type(before)
    found = {}
    for relation in of_objects([tracked()]):
        ends = []
        for state in (before, after):
            time = getattr(state, "pgh_created_at", None) or timezone.now()
            far = relation.near.target_field.attname
            key = getattr(state, "pgh_obj_id", None) or getattr(state, far)
            ends.append(relation.keys_at(key, time, state._state.db))
        if ends[0] != ends[1]:
            found[relation.name] = ends
    return found


def resolve(tracked: Any, name: str) -> Relation:
    """Return the relation of a tracked model.

    Raises:
        ValueError: There is none of that name, or no event model tells when its rows come and go.
    """
    model, near, far = _tables(tracked, name)
    reasons = []
    for event_model in dict.fromkeys(getattr(model, "pgh_event_models", {}).values()):
        fields = {field.name: field for field in event_model._meta.local_fields}
        kinds = labels.of(event_model)
        identity = tuple(near for near, _ in labels.identity(event_model))
        value = far or inheritance.concrete(model)._meta.pk.name
        if near not in fields or value not in fields:
            reasons.append(f"{event_model._meta.label} does not hold {near} and {value}")
        elif not kinds.of_inserts or not kinds.gone or not identity:
            reasons.append(f"{event_model._meta.label} has no event of each insert and deletion")
        else:
            return Relation(name, tracked, event_model, fields[near], fields[value], identity)
    raise ValueError(
        f"with_={name!r} of {tracked._meta.label}: the events of {model._meta.label} do not tell "
        f"which rows were added and removed: {'; '.join(reasons) or 'it is not tracked'}. Track it "
        "with pghistory.InsertEvent(), pghistory.UpdateEvent() and pghistory.DeleteEvent()."
    )


def _tables(tracked: Any, name: str) -> tuple[Any, str, str]:
    """The model of a relation's rows, its field that refers to the object, and to the far one."""
    options: Any = inheritance.concrete(tracked)._meta
    names = []
    for field in options.get_fields():
        accessor = field.get_accessor_name() if _is_reverse(field) else field.name
        if not accessor or not (field.many_to_many or _is_reverse(field)):
            continue
        if accessor != name:
            names.append(accessor)
        elif field.many_to_many and _is_reverse(field):
            there = field.field
            return field.through, there.m2m_reverse_field_name(), there.m2m_field_name()
        elif field.many_to_many:
            far = field.m2m_reverse_field_name()
            return field.remote_field.through, field.m2m_field_name(), far
        else:
            return field.related_model, field.field.name, ""
    raise ValueError(
        f"with_={name!r}: {tracked._meta.label} has no many-to-many or reverse relation of that "
        f"name. It has: {', '.join(sorted(names)) or 'none'}."
    )


def _is_reverse(field: Any) -> bool:
    """Return whether the relation is declared on the other model; a parent's row is not one."""
    is_declared_there = bool(field.auto_created and not field.concrete and field.is_relation)
    return is_declared_there and not getattr(field.remote_field, "parent_link", False)
