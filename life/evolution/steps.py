"""A step: make a change in both projects, migrate, and compare."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize

from life.evolution import looking
from life.evolution.declared import OF_FIELDS, SOURCES, TYPES, Declared, Field, Model, Rule
from life.evolution.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Difference(AssertionError):
    """What the project with rules did otherwise than the one without."""


class Steps(RuleBasedStateMachine):
    """Change ``Declared``, migrate both projects, and compare."""

    folder: Path
    say: Callable[[str], None] = staticmethod(lambda text: None)
    steps = 0
    refused = 0

    @initialize()
    def begin(self) -> None:
        self.declared = Declared()
        self.numbers = itertools.count(1)
        self.plain, self.ruled = Project(self.folder, "plain"), Project(self.folder, "ruled")
        # The leaves of both projects after each step.
        self.past: list[tuple[dict[str, str], dict[str, str]]] = []
        self.is_over = False
        self.has_code = False
        for project in (self.plain, self.ruled):
            project.begin()
            project.declare(self.declared)

    def teardown(self) -> None:
        if hasattr(self, "past") and self.past and not self.is_over:
            self.say("everything to zero")
            self._to_zero()

    # What every step does

    def _change(
        self,
        text: str,
        change: Callable[[Declared], Any],
        atomic: bool = True,
        *,
        state_only: bool = False,
    ) -> None:
        """Make a change in both projects, unless plain Django cannot make it."""
        if self.is_over:
            return
        new = copy.deepcopy(self.declared)
        new.renamed_models, new.renamed_fields = set(), set()
        change(new)
        before = self.plain.leaves()
        if not self._plainly(new, before, text, state_only=state_only):
            return
        Steps.steps += 1
        self.say(text)
        self.declared = new
        try:
            self.ruled.declare(new)
            self.ruled.makemigrations(atomic=atomic, state_only=state_only)
            self.ruled.migrate()
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self._compare(text)

    def _plainly(
        self, new: Declared, before: dict[str, str], text: str, *, state_only: bool
    ) -> bool:
        written: list[tuple[str, Any]] = []
        try:
            self.plain.declare(new)
            written = self.plain.makemigrations(state_only=state_only)
            if not written:
                return True
            self.plain.migrate()
            lasting = self.plain.changes()
            self.plain.render()
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            if not lasting:
                return True
            reason = "makemigrations finds the same again"
        Steps.refused += 1
        self.say(f"(Django cannot: {text}: {reason[:100]})")
        try:
            if written:
                self.plain.migrate_to(before)
            for label, migration in written:
                self.plain.remove_migration(label, migration.name)
            self.plain.declare(self.declared)
        except Exception:
            self.is_over = True
        return False

    def _compare(self, text: str) -> None:
        self._compare_schemas(text)
        self.ruled.load()
        changes = self.ruled.changes()
        if changes:
            operations = [
                op.describe() for found in changes.values() for m in found for op in m.operations
            ]
            raise self._difference(text, f"makemigrations finds {operations}")
        for found in (*looking.drift(), *looking.broken(self.declared)):
            raise self._difference(text, found)
        self.past.append((self.plain.leaves(), self.ruled.leaves()))

    def _compare_schemas(self, text: str) -> None:
        expected, found = looking.schema("plain"), looking.schema("default")
        if expected != found:
            missing, added = (
                sorted(map(str, each)) for each in (expected - found, found - expected)
            )
            raise self._difference(text, f"missing {missing}, added {added}")

    def _difference(self, text: str, found: str) -> Difference:
        return Difference(f"after {text!r}: {found}")

    # Choices

    def _labels(self, condition: Callable[[Model], bool] = lambda model: True) -> list[str]:
        return [label for label, model in self.declared.models().items() if condition(model)]

    def _pick(self, data: Any, options: list[Any]) -> Any:
        return data.draw(st.sampled_from(options)) if options else None

    def _app(self, data: Any) -> str:
        return str(data.draw(st.sampled_from(self.declared.labels)))

    def _model(self, data: Any, condition: Callable[[Model], bool] = lambda model: True) -> Any:
        """Draw the label of a model, None if there is none."""
        return self._pick(data, self._labels(condition))

    def _field(self, data: Any, condition: Callable[[Field], bool]) -> tuple[str, str] | None:
        """Draw a field: the model's label and the field's name."""
        options = [
            (label, name)
            for label, model in self.declared.models().items()
            for name, field in model.fields.items()
            if condition(field)
        ]
        found: tuple[str, str] | None = self._pick(data, options)
        return found

    def _new(self, prefix: str) -> str:
        return f"{prefix}{next(self.numbers)}"

    def _some_field(self, data: Any) -> Field:
        return Field(
            data.draw(st.sampled_from([*TYPES])),
            null=data.draw(st.booleans()),
            default=data.draw(st.booleans()),
            db_default=data.draw(st.integers(0, 4)) == 0,
            unique=data.draw(st.integers(0, 5)) == 0,
            db_index=data.draw(st.integers(0, 5)) == 0,
            db_column=data.draw(st.sampled_from(["", "", "", "odd {0}"])),
        )

    def _maybe_track(self, data: Any, model: Model) -> None:
        model.level = data.draw(st.sampled_from(["", "Row", "Statement"]))
        model.append_only = data.draw(st.booleans())

    def _add_rules(self, data: Any, model: Model, number: int) -> None:
        columns = [name for name, field in model.fields.items() if field.is_column]
        for _ in range(number):
            kind = data.draw(
                st.sampled_from(
                    OF_FIELDS if columns else [k for k in SOURCES if k not in OF_FIELDS]
                )
            )
            if data.draw(st.integers(0, 3)) == 0 or not columns:
                kind = data.draw(st.sampled_from([k for k in SOURCES if k not in OF_FIELDS]))
            field = data.draw(st.sampled_from(columns)) if kind in OF_FIELDS else ""
            model.rules.append(Rule(kind, self._new("rule"), field))

    def _goes(self, project: Project, leaves: dict[str, str], text: str) -> bool:
        try:
            project.migrate_to(leaves)
        except Exception as error:
            Steps.refused += 1
            self.say(f"(Django cannot: {text}: {type(error).__name__}: {str(error)[:80]})")
            try:
                project.migrate()
            except Exception:
                self.is_over = True
            return False
        return True

    def _to_zero(self) -> bool:
        zero = dict.fromkeys(self.declared.labels, "zero")
        self.plain.load()
        if not self._goes(self.plain, zero, "to zero"):
            return False
        try:
            self.ruled.load()
            self.ruled.migrate_to(zero)
        except Exception as error:
            raise self._difference("to zero", f"{type(error).__name__}: {error}") from error
        left = looking.left_at_zero()
        if left:
            raise self._difference("to zero", f"there are still {left}")
        return True
