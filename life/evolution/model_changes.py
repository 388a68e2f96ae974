"""Changes of models, and of what refers to them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from life.evolution.declared import COMPOSITE, KEYS, Declared, Model
from life.evolution.references import rename_model
from life.evolution.steps import Steps

TABLES = ["", "", "a table", "{table}", "Table"]


class ModelChanges(Steps):
    # Models

    @rule(data=st.data())
    def create_model(self, data: Any) -> None:
        app = self._app(data)
        model = Model(self._new("Model"), key=data.draw(st.sampled_from([*KEYS, COMPOSITE])))
        for _ in range(data.draw(st.integers(1, 3))):
            field = self._some_field(data)
            if field.db_column in [each.db_column for each in model.fields.values()]:
                field.db_column = ""
            model.fields[self._new("field")] = field
        self._maybe_track(data, model)
        self._add_rules(data, model, data.draw(st.integers(0, 2)))
        self._change(
            f"create {app}.{model.name}", lambda new: new.apps[app].update({model.name: model})
        )

    @rule(data=st.data())
    def add_child(self, data: Any) -> None:
        """With its own table, as a proxy, or from an abstract model."""
        base = self._model(
            data,
            lambda model: (
                model.kind == "abstract" or (model.kind == "" and model.can_be_referred_to)
            ),
        )
        if base is None:
            return
        app = self.declared.labels[-1]
        if base.startswith(f"{self.declared.labels[0]}."):
            app = self._app(data)
        kind = "child" if self.declared.at(base).kind == "" else ""
        kind = "proxy" if kind and data.draw(st.booleans()) else kind
        model = Model(self._new("Model"), kind=kind, base=base)
        if kind != "proxy":
            model.fields[self._new("field")] = self._some_field(data)
            self._maybe_track(data, model)
        self._add_rules(data, model, data.draw(st.integers(0, 2)))
        self._change(
            f"create {app}.{model.name}, {kind or 'a model'} of {base}",
            lambda new: new.apps[app].update({model.name: model}),
        )

    @rule(data=st.data())
    def create_abstract_model(self, data: Any) -> None:
        app = self._app(data)
        model = Model(self._new("Abstract"), kind="abstract")
        model.fields[self._new("field")] = self._some_field(data)
        self._change(
            f"declare {app}.{model.name}, abstract",
            lambda new: new.apps[app].update({model.name: model}),
        )

    @rule(data=st.data())
    def delete_model(self, data: Any) -> None:
        used = self.declared.used()
        label = self._pick(data, [label for label in self._labels() if label not in used])
        if label and len(self._labels()) > 2:
            app, name = label.split(".")
            self._change(f"delete {label}", lambda new: new.apps[app].pop(name))

    @rule(data=st.data())
    def rename_model(self, data: Any) -> None:
        label = self._model(data, lambda model: model.kind != "abstract")
        if label:
            name = self._new("Model")
            self._change(f"rename {label} {name}", lambda new: rename_model(new, label, name))

    @rule(data=st.data())
    def rename_and_alter_model(self, data: Any) -> None:
        """Rename a model and alter it at once.

        Django takes it for another model if a field is altered too.
        """
        label = self._model(data, lambda model: model.kind == "" and not model.base)
        if label:
            name, added = self._new("Model"), self._new("field")
            field = self._some_field(data) if data.draw(st.integers(0, 3)) == 0 else None
            table = data.draw(st.sampled_from(["", f"table of {name}"]))

            def change(new: Declared) -> None:
                model = rename_model(new, label, name)
                model.db_table = table
                column = next((name for name, each in model.fields.items() if each.is_column), None)
                if column:
                    model.indexes = {added: column}
                if field:
                    field.unique, field.db_column = False, ""
                    model.fields[added] = field
                self._add_rules(data, model, 1)
                self._maybe_track(data, model)

            self._change(f"rename {label} {name} and alter it", change)

    @rule(data=st.data())
    def move_model(self, data: Any) -> None:
        """Move a model to the other app: only the state of the migrations changes."""
        used = self.declared.used()
        label = self._pick(
            data,
            [
                label
                for label in self._labels(lambda model: model.kind == "" and not model.base)
                if label not in used and self.declared.at(label).has_columns_only
            ],
        )
        if label:
            app, name = label.split(".")
            [to] = [each for each in self.declared.labels if each != app]

            def change(new: Declared) -> None:
                model = new.apps[app].pop(name)
                table = f"{app}_{name.lower()}"
                model.db_table = model.db_table or table
                model.event_table = model.event_table or f"{table}event"
                new.apps[to][name] = model

            self._change(f"move {label} to {to}", change, state_only=True)

    @rule(data=st.data())
    def change_table(self, data: Any) -> None:
        label = self._model(data, lambda model: model.has_table)
        table = data.draw(st.sampled_from(TABLES))
        taken = [model.db_table for model in self.declared.models().values()]
        if label and (not table or table not in taken):
            self._change(
                f"table of {label}: {table}", lambda new: setattr(new.at(label), "db_table", table)
            )

    @rule(data=st.data(), key=st.sampled_from(KEYS))
    def change_key(self, data: Any, key: str) -> None:
        label = self._model(
            data, lambda model: model.kind == "" and not model.base and model.can_be_referred_to
        )
        if label:
            self._change(f"key of {label}: {key}", lambda new: setattr(new.at(label), "key", key))

    @rule(data=st.data())
    def order(self, data: Any) -> None:
        found = self._field(data, lambda field: field.type == "ForeignKey")
        if found:
            label, name = found
            before = self.declared.at(label).ordered_by
            self._change(
                f"order {label} by {'' if before else name}",
                lambda new: setattr(new.at(label), "ordered_by", "" if before else name),
            )
