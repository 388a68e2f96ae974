"""Judge an answer by writes that its author does not see beforehand.

The rows that the writes change are inserted first. Then the answer is installed on the private
tables (see Note [Private tables]), and each write is made in a separate transaction. Everything is
rolled back.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, InternalError, connection, models, transaction
from psycopg import sql

import pgtrigger
from integrity import conversion
from pghistory.writing import event_trigger
from pgtrigger import naming
from pgtrigger.database import installation
from pgtrigger.models import Violation
from pgtrigger.sql import ignore_check
from tutorial.exercises import parsing
from tutorial.exercises.parsing import AnswerError, describe
from tutorial.private_tables import RUN_TIMEOUT, private_tables

PASSES = "passes"
REFUSED = "is refused"
AT_COMMIT = "is refused at COMMIT"
REPORTED = "is reported"
STATEMENT_TIMEOUT = "1s"
MAX_ITEMS = 10
_TRUNCATE = sql.SQL("TRUNCATE {}")


@dataclass(frozen=True)
class Write:
    """A write and what should happen to it.

    Args:
        operation: INSERT, UPDATE, DELETE, TRUNCATE, or SAVE: the row is read, somebody else
            updates it with `others`, and then it is saved.
        before: The values of the row beforehand.
        after: The values that are written.
        expected: PASSES, REFUSED, AT_COMMIT, REPORTED, the name of an exception, the values of the
            row afterwards (names may follow a foreign key), Sets, or the labels of the events that
            were written.
        is_ignoring: Whether `pgtrigger.ignore()` applies.
        others: The values that somebody else writes.
    """

    operation: str
    expected: Any
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    is_ignoring: bool = False
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Sets:
    """The expectation that the database gives a field another value than the one written."""

    field: str


@dataclass(frozen=True)
class Exercise:
    """A task, and the writes that judge an answer.

    `kind` is what is declared: triggers, trackers or rules (of `refine_integrity_error`). `rows`
    are there before the writes, each with its model and values.
    """

    task: str
    model: type[models.Model]
    hint: str
    solution: str
    writes: Sequence[Write]
    kind: str = "triggers"
    rows: Sequence[tuple[type[models.Model], Mapping[str, Any]]] = ()
    exceptions: tuple[str, ...] = ()

    @property
    def empty(self) -> str:
        """The answer to begin with."""
        return f"{self.kind} = [\n]\n"

    @property
    def names(self) -> Mapping[str, Any]:
        """Return the names that an answer may use."""
        if self.kind == "triggers":
            return parsing.TRIGGERS
        if self.kind == "trackers":
            return parsing.TRACKERS
        own = {name: type(name, (Exception,), {}) for name in self.exceptions}
        return {**parsing.REFINEMENTS, self.model.__name__: self.model, **own}


@dataclass(frozen=True)
class Outcome:
    """A write as a row of the verdict."""

    write: Write
    happened: str
    is_right: bool
    message: str = ""

    @property
    def expected(self) -> str:
        return _text(self.write.expected)


@dataclass(frozen=True)
class Verdict:
    """The outcomes of all writes, or the error that kept the answer from being judged."""

    outcomes: Sequence[Outcome] = ()
    error: str = ""

    @property
    def wrong(self) -> list[Outcome]:
        """The writes that should have ended otherwise."""
        return [outcome for outcome in self.outcomes if not outcome.is_right]

    @property
    def is_solved(self) -> bool:
        return not self.error and not self.wrong


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
            self.rows = [self._insert(write.before) for write in exercise.writes]
        self.keys: set[str] = set()
        self.has_reports = any(write.expected == REPORTED for write in exercise.writes)
        self.rules: list[Any] = []
        if exercise.kind == "rules":
            self.rules = self._checked_rules(declared)
        else:
            self._install(declared)

    def outcomes(self) -> list[Outcome]:
        return [
            self._outcome(write, pk)
            for write, pk in zip(self.exercise.writes, self.rows, strict=True)
        ]

    def _insert(self, before: Mapping[str, Any]) -> Any:
        return self.model._base_manager.create(**before).pk if before else None

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

    @property
    def _event_model(self) -> Any:
        return getattr(self.model, "pgh_event_model")  # noqa: B009  # tracking adds it

    def _triggers(self, declared: list[Any]) -> list[tuple[Any, Any]]:
        if self.exercise.kind == "triggers":
            for trigger in declared:
                if not isinstance(trigger, pgtrigger.Trigger):
                    raise AnswerError("Each item of the list must be a trigger.")
            return [each for trigger in declared for each in self._family(trigger)]
        event_model = self._event_model
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
            _text(happened),
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
        else:
            table = naming.table_identifier(self.model._meta.db_table)
            with connection.cursor() as cursor:
                cursor.execute(_TRUNCATE.format(table).as_string())
        return pk

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
            row = self.model._base_manager.filter(pk=pk).values(*write.expected).first()
            return row or "deletes the row"
        if isinstance(write.expected, list):
            events = self._event_model._base_manager.filter(pgh_obj_id=pk)
            return list(events.order_by("pgh_label").values_list("pgh_label", flat=True))
        return PASSES

    def _setting(self, write: Write, pk: Any) -> Any:
        name = write.expected.field
        row = self.model._base_manager.filter(pk=pk).values(name).first()
        if row is None:
            return "deletes the row"
        is_set = row[name] not in (None, write.before.get(name), write.after.get(name))
        return write.expected if is_set else row


def _text(expected: Any) -> str:
    if isinstance(expected, Sets):
        return f"sets {expected.field}"
    if isinstance(expected, dict):
        values = ", ".join(f"{name}={value!r}" for name, value in expected.items())
        return f"leaves {values}"
    if isinstance(expected, list):
        return f"writes the events {', '.join(expected)}" if expected else "writes no event"
    if expected in (PASSES, REFUSED, AT_COMMIT, REPORTED) or " " in expected:
        return str(expected)
    return f"raises {expected}"
