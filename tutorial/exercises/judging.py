"""Judge an answer by writes that its author does not see beforehand.

The rows that the writes change are inserted first. Then the answer is installed on the private
tables (see Note [Private tables]), and each write is made in a separate transaction. Everything is
rolled back.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.db import IntegrityError, InternalError, connection, transaction
from django.utils import timezone
from psycopg import sql

import pgtrigger
from integrity import conversion
from pghistory.keeping import pruning, retention
from pghistory.models import Context
from pghistory.vocabulary import masking
from pghistory.writing import event_trigger
from pgtrigger import naming
from pgtrigger.database import installation
from pgtrigger.models import Violation
from pgtrigger.sql import ignore_check
from tutorial.exercises import parsing
from tutorial.exercises.calls import Erase, Track
from tutorial.exercises.exercise import (
    AT_COMMIT,
    PASSES,
    REFUSED,
    REPORTED,
    Event,
    Exercise,
    Keeps,
    Outcome,
    Sets,
    Verdict,
    Write,
    as_text,
)
from tutorial.exercises.parsing import AnswerError, describe
from tutorial.private_tables import RUN_TIMEOUT, private_tables

STATEMENT_TIMEOUT = "1s"
MAX_ITEMS = 10
_TRUNCATE = sql.SQL("TRUNCATE {}")


def judge(exercise: Exercise, answer: str) -> Verdict:
    """Install the answer on empty tables, make the writes, and leave nothing behind."""
    try:
        declared = parsing.parse(answer, exercise.kind, exercise.names)
        if len(declared) > MAX_ITEMS:
            raise AnswerError(f"{MAX_ITEMS} declarations are enough; there are {len(declared)}.")
        # An exercise about errors keeps the triggers of its model.
        bare = () if exercise.kind == "rules" else (exercise.model,)
        with private_tables([exercise.model], without_triggers=bare) as private:
            private.send(f"SET LOCAL statement_timeout TO '{STATEMENT_TIMEOUT}'")
            outcomes = _Trial(exercise, declared).outcomes()
            if private.is_out_of_time:
                raise AnswerError(f"The writes took longer than {RUN_TIMEOUT} s together.")
            return Verdict(outcomes)
    except AnswerError as error:
        return Verdict(error=str(error))


class _Trial:
    """One answer on the private tables."""

    def __init__(self, exercise: Exercise, declared: list[Any]):
        self.exercise, self.model = exercise, exercise.model
        with transaction.atomic():  # in which rows can refer to each other
            for model, values in exercise.rows:
                model._base_manager.create(**values)
            self.rows = [self._insert(write) for write in exercise.writes]
        self.keys: set[str] = set()
        self.has_reports = any(write.expected == REPORTED for write in exercise.writes)
        self.rules: list[Any] = []
        if exercise.kind == "rules":
            self.rules = self._checked_rules(declared)
        elif exercise.kind == "erasures":
            self._erase(declared)
        else:
            self._install(declared)

    def outcomes(self) -> list[Outcome]:
        return [
            self._outcome(write, pk)
            for write, pk in zip(self.exercise.writes, self.rows, strict=True)
        ]

    @cached_property
    def event_model(self) -> Any:
        """The event model of the model, or of the answer if that describes one."""
        return getattr(self.model, "pgh_event_model")  # noqa: B009  # tracking adds it

    def _insert(self, write: Write) -> Any:
        if write.operation == "EVENT":
            return self._insert_event(**write.before).pk
        return self.model._base_manager.create(**write.before).pk if write.before else None

    def _insert_event(self, pgh_obj_id: Any, **values: Any) -> Any:
        metadata = values.pop("pgh_context__metadata", None)
        if metadata is not None:
            values["pgh_context"] = Context.objects.create(metadata=metadata)
        values |= {"pgh_obj_id": pgh_obj_id, "pgh_label": "update"}
        values[self.model._meta.pk.attname] = pgh_obj_id
        return self.event_model._base_manager.create(**values)

    def _checked_rules(self, declared: list[Any]) -> list[Any]:
        for rule in declared:
            is_pair = isinstance(rule, tuple) and len(rule) == 2
            if not is_pair or not (isinstance(rule[1], type) and issubclass(rule[1], Exception)):
                raise AnswerError("Each rule is a pair: (conversion.…(…), exception).")
            if not hasattr(rule[0], "is_match"):
                raise AnswerError("A rule begins with one of conversion's classes.")
        return declared

    def _install(self, declared: list[Any]) -> None:
        names = set()
        for owner, trigger in self._triggers(declared):
            try:
                compiled = trigger.compile(owner)
                with transaction.atomic():
                    installation.put(compiled, connection)
            except Exception as error:  # the declaration is the visitor's
                raise AnswerError(f"{trigger.name}: {describe(error)}") from None
            if trigger.name in names:
                raise AnswerError(f"{trigger.name}: two triggers have this name.")
            names.add(trigger.name)
            self.keys.add(naming.ignore_key(owner._meta.db_table, trigger.get_pgid(owner)))

    def _erase(self, declared: list[Any]) -> None:
        for call in declared:
            if not isinstance(call, Erase):
                raise AnswerError("Each item of the list must be a call of pghistory.erase().")
            try:
                with transaction.atomic():
                    call()
            except Exception as error:  # the arguments are the visitor's
                raise AnswerError(f"pghistory.erase: {describe(error)}") from None

    def _tracked(self, declared: list[Any]) -> Sequence[Any]:
        """Create the event table that the answer describes, and return its trackers."""
        if not all(isinstance(call, Track) for call in declared) or len(declared) > 1:
            raise AnswerError("The list must contain one call of pghistory.track().")
        call: Track = declared[0] if declared else Track()
        try:
            self.event_model = call.event_model(self.model)
        except Exception as error:  # the arguments are the visitor's
            raise AnswerError(f"pghistory.track: {describe(error)}") from None
        with connection.schema_editor(atomic=False) as editor:
            vars(editor)["installs_triggers"] = False
            editor.create_model(self.event_model)
        return call.trackers if declared else ()

    def _triggers(self, declared: list[Any]) -> list[tuple[Any, Any]]:
        if self.exercise.kind == "triggers":
            for trigger in declared:
                if not isinstance(trigger, pgtrigger.Trigger):
                    raise AnswerError("Each item of the list must be a trigger.")
            return [each for trigger in declared for each in self._family(trigger)]
        if self.exercise.kind == "histories":
            declared = list(self._tracked(declared))
        event_model = self.event_model
        found: list[tuple[Any, Any]] = []
        for tracker in declared:
            if not hasattr(tracker, "row_events"):
                raise AnswerError("Each item of the list must be a tracker.")
            for event in tracker.row_events():
                try:
                    found += event_trigger.of_tracker(event, event_model, pgtrigger.Row)
                except Exception as error:
                    raise AnswerError(f"{tracker.label}: {describe(error)}") from None
        return found

    def _family(self, trigger: pgtrigger.Trigger) -> list[tuple[Any, pgtrigger.Trigger]]:
        """Return the trigger, and those that belong to the same rule, each with its model."""
        try:
            own = [trigger, *trigger.companions(self.model)]
            elsewhere = trigger.companions_elsewhere(self.model)
            return [*((self.model, each) for each in own), *elsewhere]
        except Exception as error:  # the declaration is the visitor's
            raise AnswerError(f"{trigger.name}: {describe(error)}") from None

    def _outcome(self, write: Write, pk: Any) -> Outcome:
        refining = conversion.refine_integrity_error(self.rules) if self.rules else nullcontext()
        is_executed, error = False, None
        records = self._records()
        try:
            with refining, transaction.atomic():
                if write.is_ignoring:
                    self._ignore()
                pk = self._make(write, pk)
                is_executed = True
        except Exception as raised:  # also an exception of the exercise
            error = raised
        happened = self._happened(write, pk, error, is_executed)
        if happened == PASSES and self._records() > records:
            happened = REPORTED
        return Outcome(
            write,
            as_text(happened),
            happened == write.expected,
            str(error).partition("\n")[0] if error else "",
        )

    def _records(self) -> int:
        """Return the number of records of rules in report mode."""
        return Violation.objects.count() if self.has_reports else 0

    def _ignore(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_catalog.set_config(%s, %s, true)",
                [ignore_check.IGNORE_SETTING, ignore_check.array(frozenset(self.keys))],
            )

    def _make(self, write: Write, pk: Any) -> Any:
        manager = self.model._base_manager
        if write.operation == "INSERT":
            return manager.create(**write.after).pk
        if write.operation == "UPDATE":
            manager.filter(pk=pk).update(**write.after)
        elif write.operation == "SAVE":
            row = manager.get(pk=pk)
            manager.filter(pk=pk).update(**write.others)
            for name, value in write.after.items():
                setattr(row, name, value)
            row.save()
        elif write.operation == "DELETE":
            manager.filter(pk=pk)._raw_delete(manager.db)
        elif write.operation == "PRUNE":
            self._prune(write, pk)
        elif write.operation == "TRUNCATE":
            table = naming.table_identifier(self.model._meta.db_table)
            with connection.cursor() as cursor:
                cursor.execute(_TRUNCATE.format(table).as_string())
        return pk

    def _prune(self, write: Write, pk: Any) -> None:
        """Write an event of each age, and remove what is older than the answer keeps."""
        for days in write.days:
            at = timezone.now() - timedelta(days=days)
            self._insert_event(pk, **write.before, pgh_created_at=at)
        if (age := self.event_model.pgh_keep) is not None:
            before = retention.time_before(age, connection.alias)
            pruning.of_events(self.event_model, before, using=connection.alias).run()

    def _happened(self, write: Write, pk: Any, error: Exception | None, is_executed: bool) -> Any:
        if error is not None:
            is_named = write.expected not in (PASSES, REFUSED, AT_COMMIT)
            if (is_named and isinstance(write.expected, str)) or not isinstance(
                error, IntegrityError | InternalError
            ):
                return type(error).__name__
            return AT_COMMIT if is_executed else REFUSED
        if isinstance(write.expected, Sets):
            return self._setting(write, pk)
        if isinstance(write.expected, dict):
            model = self.event_model if write.operation == "EVENT" else self.model
            row = model._base_manager.filter(pk=pk).values(*write.expected).first()
            return row or "deletes the row"
        if isinstance(write.expected, Keeps):
            return Keeps([(timezone.now() - event.pgh_created_at).days for event in self._of(pk)])
        if isinstance(write.expected, list):
            return [self._event(event) for event in self._of(pk).order_by("pgh_label")]
        return PASSES

    def _of(self, pk: Any) -> Any:
        """Return the events of the row."""
        return self.event_model._base_manager.filter(pgh_obj_id=pk).order_by("pgh_id")

    def _event(self, event: Any) -> Event | str:
        """Return the label of the event, with its values if the exercise is about these."""
        if self.exercise.kind == "trackers":
            return str(event.pgh_label)
        names = [*event.pgh_field_names, *map(masking.flag, event.pgh_masked_fields)]
        key = self.model._meta.pk.name
        return Event(event.pgh_label, {name: getattr(event, name) for name in names if name != key})

    def _setting(self, write: Write, pk: Any) -> Any:
        name = write.expected.field
        row = self.model._base_manager.filter(pk=pk).values(name).first()
        if row is None:
            return "deletes the row"
        is_set = row[name] not in (None, write.before.get(name), write.after.get(name))
        return write.expected if is_set else row
