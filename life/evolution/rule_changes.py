"""Changes of constraints, indexes, rules and history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from life.evolution.steps import Steps

if TYPE_CHECKING:
    from life.evolution.declared import Declared


class RuleChanges(Steps):
    # Constraints and indexes

    @rule(data=st.data(), kind=st.sampled_from(["unique", "check", "index"]))
    def add_constraint(self, data: Any, kind: str) -> None:
        found = self._field(data, lambda field: field.is_column)
        if found and self.declared.at(found[0]).has_table:
            label, column = found
            name = self._new("constraint")

            def change(new: Declared) -> None:
                model = new.at(label)
                if kind == "index":
                    model.indexes[name] = column
                else:
                    model.constraints[name] = (kind, column)

            self._change(f"{kind} {name} of {label}.{column}", change)

    @rule(data=st.data())
    def remove_constraints(self, data: Any) -> None:
        label = self._model(data, lambda model: bool(model.constraints or model.indexes))
        if label:

            def change(new: Declared) -> None:
                new.at(label).constraints.clear()
                new.at(label).indexes.clear()

            self._change(f"remove constraints and indexes of {label}", change)

    # Rules and history

    @rule(data=st.data(), number=st.integers(1, 2))
    def add_rules(self, data: Any, number: int) -> None:
        label = self._model(data, lambda model: model.kind != "abstract")
        if label:
            self._change(
                f"rules for {label}", lambda new: self._add_rules(data, new.at(label), number)
            )

    @rule(data=st.data())
    def remove_rule(self, data: Any) -> None:
        label = self._model(data, lambda model: bool(model.rules))
        if label:
            number = data.draw(st.integers(0, len(self.declared.at(label).rules) - 1))
            self._change(f"remove a rule of {label}", lambda new: new.at(label).rules.pop(number))

    @rule(data=st.data())
    def change_rule(self, data: Any) -> None:
        """Change a rule's definition, or rename it; maybe with a change of its field."""
        label = self._model(data, lambda model: bool(model.rules))
        if label:

            def change(new: Declared) -> None:
                model = new.at(label)
                position = data.draw(st.integers(0, len(model.rules) - 1))
                old = model.rules.pop(position)
                self._add_rules(data, model, 1)
                if data.draw(st.booleans()):
                    model.rules[-1].name = old.name
                if old.field and data.draw(st.booleans()):
                    model.fields[old.field].type = data.draw(
                        st.sampled_from(["CharField", "TextField"])
                    )

            self._change(f"change a rule of {label}", change)

    @rule(data=st.data())
    def rule_for_relation(self, data: Any) -> None:
        found = self._field(data, lambda field: field.is_automatic)
        if found:
            label, name = found
            value = not self.declared.at(label).fields[name].has_rule
            self._change(
                f"rule for {label}.{name}: {value}",
                lambda new: setattr(new.at(label).fields[name], "has_rule", value),
            )

    @rule(data=st.data())
    def change_history(self, data: Any) -> None:
        label = self._model(data, lambda model: model.has_table)
        if label:
            self._change(f"history of {label}", lambda new: self._maybe_track(data, new.at(label)))
