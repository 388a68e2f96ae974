"""Random changes of the generated project, each made with rules and history and without."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from life.evolution import code
from life.evolution.field_changes import FieldChanges
from life.evolution.model_changes import ModelChanges
from life.evolution.references import rename_app
from life.evolution.rule_changes import RuleChanges
from life.evolution.steps import Difference, Steps

if TYPE_CHECKING:
    from life.evolution.project import Project


class Evolution(ModelChanges, FieldChanges, RuleChanges):
    """All changes, and what is done with the migrations that they wrote."""

    @rule(data=st.data())
    def run_code_that_ignores_a_rule(self, data: Any) -> None:
        if self.is_over:
            return
        label = self._model(data, lambda model: bool(model.rules) and model.kind != "proxy")
        if not label:
            return
        app, name = label.split(".")
        uri = f"{label}:{data.draw(st.sampled_from(self.declared.at(label).rules)).name}"
        text = f"code that ignores {uri}"
        Steps.steps += 1
        self.say(text)
        leaf = self.ruled.leaves()[app]
        number = self._new("code_")
        self.ruled.add_migration(
            app, f"{int(leaf[:4]) + 1:04}_{number}", code.migration(app, leaf, name, uri)
        )
        try:
            self.ruled.migrate()
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self._compare(text)

    @rule(data=st.data())
    def go_back_and_forth(self, data: Any) -> None:
        if self.is_over or len(self.past) < 2:
            return
        position = data.draw(st.integers(max(0, len(self.past) - 6), len(self.past) - 2))
        plainly, ruledly = self.past[position]
        text = f"back to step {position + 1} of {len(self.past)}"
        self.plain.load()
        if not self._goes(self.plain, plainly, text):
            return
        Steps.steps += 1
        self.say(text)
        try:
            self.ruled.load()
            self.ruled.migrate_to(ruledly)
            self._compare_schemas(text)
            self.plain.load()
            self.plain.migrate()
            self.ruled.load()
            self.ruled.migrate()
        except Difference:
            raise
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self._compare(text)
        self.past.pop()

    @rule()
    def to_zero_and_forth(self) -> None:
        if self.is_over or len(self.past) < 3:
            return
        text = "to zero and forth"
        if not self._to_zero():
            return
        self.say(text)
        Steps.steps += 1
        try:
            self.plain.load()
            self.plain.migrate()
        except Exception:
            self.is_over = True
            return
        try:
            self.ruled.load()
            self.ruled.migrate()
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self._compare(text)
        self.past.pop()

    @rule(data=st.data())
    def rename_app(self, data: Any) -> None:
        """Give an app another label, for which Django has no operation."""
        if self.is_over or not self.past:
            return
        old, label = self._app(data), self._new("app")
        new = copy.deepcopy(self.declared)
        new.renamed_models, new.renamed_fields = set(), set()
        rename_app(new, old, label)
        text = f"rename the app {old} {label}"
        try:
            self.plain.rename_app(new, old, label)
            self.plain.makemigrations()
            self.plain.migrate()
        except Exception as error:
            Steps.refused += 1
            self.say(f"(Django cannot: {text}: {type(error).__name__}: {str(error)[:80]})")
            self.is_over = True
            return
        Steps.steps += 1
        self.say(text)
        self.declared = new
        try:
            self.ruled.rename_app(new, old, label)
            self.ruled.makemigrations()
            self.ruled.migrate()
            self.ruled.install()
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self.past.clear()
        self._compare(text)

    @rule(data=st.data())
    def squash(self, data: Any) -> None:
        """Squash an app's migrations in both projects, remove the old ones, and replay."""
        label = self._app(data)
        if self.is_over or any(
            self._leaf_is_early(project, label) for project in (self.plain, self.ruled)
        ):
            return
        text = f"squash {label}"
        old = self.past[-1]
        self.plain.load()
        try:
            self._squash(self.plain, label)
        except Exception as error:
            Steps.refused += 1
            self.say(f"(Django cannot: {text}: {type(error).__name__}: {str(error)[:80]})")
            self.is_over = True
            return
        Steps.steps += 1
        self.say(text)
        try:
            self.ruled.load()
            self._squash(self.ruled, label)
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self.past.clear()
        self._compare(text)
        assert old

    def _leaf_is_early(self, project: Project, label: str) -> bool:
        leaf = project.leaves()[label]
        return leaf == "zero" or len(project.names(label)) < 3

    def _squash(self, project: Project, label: str) -> None:
        project.squash(label, project.leaves()[label])
        project.migrate_to(dict.fromkeys(self.declared.labels, "zero"))
        project.migrate()
