"""``Event``: the trigger that writes events."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, Unpack

import pgtrigger
from pghistory import config
from pghistory.config import settings
from pghistory.vocabulary import inheritance
from pghistory.vocabulary.constants import DEFAULT
from pghistory.writing import capture
from pgtrigger import naming
from pgtrigger.sql.function_body import Body
from pgtrigger.triggers import pairing
from pgtrigger.triggers.declaration import own_path
from pgtrigger.vocabulary.columns import (
    NEW,
    OLD,
    ROW_VARIABLES,
    TRANSITION_TABLES,
    columns_of,
    is_virtual,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from django.db.models import Model

    from pghistory.vocabulary.trackers import RowEvent
    from pgtrigger.sql.function_body import Place
    from pgtrigger.triggers.declaration import Options


class Event(pgtrigger.Trigger):
    """Writes events of ``label`` into the table of ``event_model``.

    ``operation`` is one of Insert, Update, Delete and Truncate, or at row level several of them;
    ``row`` is ``pghistory.Old`` or ``pghistory.New`` (earlier releases: ``snapshot="OLD"``), which
    of the rows the event holds.
    """

    __module__ = "pghistory.trigger"  # migrations import it from there

    when = pgtrigger.After
    label: str = ""
    event_model: Any = None
    row: str = NEW

    def __init__(
        self,
        *,
        label: str | None = None,
        event_model: Any = None,
        row: str | None = None,
        snapshot: str | None = None,
        **options: Unpack[Options],
    ):
        self._set(
            label=label, event_model=event_model, row=str(row or snapshot or self.row).lower()
        )
        super().__init__(**options)
        if self.event_model is None or not self.label:
            self._reject('needs "label" and "event_model"')
        if self.level == pgtrigger.Statement and len(list(self.operation or ())) != 1:
            self._reject("takes one operation at statement level: declare a trigger for each")

    def fires_for_fixture(
        self, model: type[Model], contains: Callable[[type[Model]], bool]
    ) -> bool:
        """A fixture that contains events already has those of its rows."""
        return not contains(self.event_model)

    def get_declare(self, model: type[Model] | None) -> Sequence[tuple[str, str]]:
        return [*super().get_declare(model), *capture.declarations()]

    def get_referencing(self, model: type[Model]) -> pgtrigger.Referencing | None:
        if self.level != pgtrigger.Statement or self.operation == pgtrigger.Truncate:
            return None
        sides = self._sides_read(model)
        return pgtrigger.Referencing(
            old=TRANSITION_TABLES.old if OLD in sides else None,
            new=TRANSITION_TABLES.new if NEW in sides else None,
        )

    def get_settings(self, model: type[Model]) -> dict[str, str]:
        """See the engine's Note [Statement plans]."""
        pairs = self._reads_transition_tables and len(self._sides_read(model)) == 2
        return pairing.PLAN_SETTINGS if pairs else {}

    def get_security(self, model: type[Model]) -> str:
        return super().get_security(model) or ("DEFINER" if settings.definer else "")

    def get_search_path(self, model: type[Model], func: str | Body) -> Sequence[Place]:
        """A generated function writes event tables only, so it may have a search_path.

        At row level it has one only if necessary, because PostgreSQL would set it for each row.
        See the engine's Note [Names in functions].
        """
        is_definer = self.get_security(model) == "DEFINER"
        is_generated = self.func is None and isinstance(func, Body)
        if self.search_path or not is_generated:
            return super().get_search_path(model, func)
        computes = any(map(is_virtual, inheritance.all_columns(model)))
        masked = self._masked_of(model)
        if self.level == pgtrigger.Row and not (is_definer or computes or masked):
            return ()
        condition = self.get_condition(model) if self.level == pgtrigger.Statement else None
        if masked:
            changed = pgtrigger.AnyChange(*masked)
            condition = changed if condition is None else condition | changed
        is_raw = computes or settings.created_at_function != config.CREATED_AT
        return own_path(model, condition, is_raw=is_raw)

    def applies_condition(self, model: type[Model]) -> bool:
        return True

    def get_func(self, model: type[Model] | None) -> Any:
        if model is None or self.func is not None:
            return super().get_func(model)
        table = inheritance.concrete(model)
        rows = TRANSITION_TABLES if self._reads_transition_tables else ROW_VARIABLES
        event_model, tracked_model = self._models_beside(model)
        masked = self.event_model.pgh_masked_fields if self._is_update else ()
        written = capture.Capture(
            event_model, tracked_model, self.label, table, self.row, rows, masked
        )
        return Body(self._written(written, model), f"\n{self._return()}")

    def _return(self) -> str:
        """The end of the function: a row-level BEFORE trigger that returns NULL cancels the write.

        https://www.postgresql.org/docs/current/plpgsql-trigger.html
        """
        if self.level != pgtrigger.Row or self.when != pgtrigger.Before:
            return "RETURN NULL;"
        names = self.operation.names if self.operation else []
        if "DELETE" not in names:
            return "RETURN NEW;"
        if len(names) == 1:
            return "RETURN OLD;"
        return "IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW;"

    def _models_beside(self, model: type[Model]) -> tuple[Any, type[Model]]:
        """The event model and the tracked one, in the state of a migration if ``model`` is in one.

        A state that does not have the event model had it under an earlier name.
        """
        tracked_model = self.event_model.pgh_tracked_model
        historical = model._meta.apps
        if historical is self.event_model._meta.apps:
            return self.event_model, tracked_model
        return (
            _in_state(historical, self.event_model) or self.event_model,
            _in_state(historical, tracked_model) or model,
        )

    @property
    def _is_update(self) -> bool:
        return self.operation is not None and self.operation.names == ["UPDATE"]

    def _masked_of(self, model: type[Model]) -> list[str]:
        """The masked fields that an update of this model's own table may change."""
        own = {field.name for field in columns_of(model)} if self._is_update else set()
        return [name for name in self.event_model.pgh_masked_fields if name in own]

    @property
    def _reads_transition_tables(self) -> bool:
        return self.level == pgtrigger.Statement and self.operation != pgtrigger.Truncate

    def _written(self, written: capture.Capture, model: type[Model]) -> Body:
        condition = self.get_condition(model)
        if self.operation == pgtrigger.Truncate:
            return written.of_table(condition)
        if self.level == pgtrigger.Row:
            return written.of_row()
        if len(self._sides_read(model)) == 2:
            return written.of_paired_rows(condition)
        return written.of_transition_table(condition)

    def _sides_read(self, model: type[Model]) -> set[str]:
        condition = self.get_condition(model)
        compared = {OLD, NEW} if self._masked_of(model) else set()
        return {self.row} | compared | (condition.sides(model) if condition else set())


def _in_state(historical: Any, model: type[Model]) -> type[Model] | None:
    try:
        return historical.get_model(model._meta.label)  # type: ignore[no-any-return]
    except LookupError:
        return None


def of_tracker(
    event: RowEvent, event_model: Any, level: pgtrigger.Level | None
) -> Iterator[tuple[type[Model], Event]]:
    """The triggers of a tracker, each with the model whose table it goes on.

    With multi-table inheritance, a change of an inherited field is an update of the parent's table.
    """
    tracked = event_model.pgh_tracked_model
    for operation in event.operations:
        options = {"label": event.label, "event_model": event_model, "row": event.row}
        options |= {"operation": operation, "name": _name(event, operation.name)}
        is_update = operation.name == "UPDATE"
        condition = event.condition
        if condition is DEFAULT:
            condition = _changed(event_model, tracked) if is_update else None
        elif condition is not None:
            condition = _over_tracked_fields(condition, event_model, tracked)
        if condition is not None or not is_update or event.condition is None:
            yield tracked, _fitting(tracked, condition, level, options)
        if operation == pgtrigger.Delete:
            yield tracked, Event(**_on_truncate(options, event), condition=condition)
        for parent in inheritance.tables(tracked)[1:] if is_update else ():
            changed = _changed(event_model, parent)
            if changed is not None and event.condition in (DEFAULT, None):
                name = short_name(f"{options['name']}_{tracked._meta.model_name}")
                yield parent, _fitting(parent, changed, level, {**options, "name": name})


def _fitting(
    model: type[Model],
    condition: Any,
    level: pgtrigger.Level | None,
    options: dict[str, Any],
) -> Event:
    """The trigger, at row level where a statement would not give the same events.

    A row that is written into a partition directly, or moved to another one, fires row-level
    triggers only, and Django does not know the tables of unmanaged models. Raw SQL on OLD and NEW,
    and UPDATE OF, need a row-level trigger.
    """
    if level is None:
        level = settings.level
        by_row_only = (
            not model._meta.managed
            or hasattr(model, "_partitioning_meta")
            or isinstance(options["operation"], pgtrigger.UpdateOf)
            or (condition is not None and condition.is_text())
        )
        level = pgtrigger.Row if by_row_only else level
    return Event(**options, condition=condition, level=level)


def _on_truncate(options: dict[str, Any], event: RowEvent) -> dict[str, Any]:
    return {
        **options,
        "operation": pgtrigger.Truncate,
        "name": _name(event, "TRUNCATE"),
        "when": pgtrigger.Before,
        "level": pgtrigger.Statement,
    }


def _changed(event_model: Any, model: type[Model]) -> pgtrigger.Condition | None:
    """A change of a tracked field that is in this model's own table."""
    names = _tracked_columns(event_model, model)
    return pgtrigger.AnyChange(*names) if names else None


def _over_tracked_fields(
    condition: pgtrigger.Condition, event_model: Any, model: type[Model]
) -> pgtrigger.Condition:
    """The condition, in which ``AnyChange()`` and its relatives compare the tracked fields."""
    names = _tracked_columns(event_model, model)
    tracks_all = {field.name for field in columns_of(model)} == set(names)
    return condition if tracks_all or not names else condition.over(names)


def _tracked_columns(event_model: Any, model: type[Model]) -> list[str]:
    """The tracked fields that are columns of this model's own table."""
    own = {field.name for field in columns_of(model)}
    names = (*event_model.pgh_tracked_fields(), *event_model.pgh_masked_fields)
    return [name for name in names if name in own]


def _name(event: RowEvent, operation: str) -> str:
    if event.trigger_name and len(event.operations) == 1 and operation != "TRUNCATE":
        return event.trigger_name
    return short_name(f"{event.trigger_name or event.label}_{operation.lower()}")


def short_name(name: str) -> str:
    """Return a name that a trigger may have: other characters are ``_``, and it is cut if too long.

    The same label gives the same name in the PyPI package, which ``ignore()`` and migrations use.
    """
    allowed = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    return allowed if len(allowed) <= naming.MAX_NAME_LENGTH else with_digest(allowed, of=name)


def with_digest(name: str, *, of: str) -> str:
    """Return the beginning of the name with a hash of the text ``of``."""
    digest = hashlib.sha1(of.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{name[: naming.MAX_NAME_LENGTH - 9]}_{digest}"
