"""Changes of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from hypothesis import strategies as st
from hypothesis.stateful import rule

from life.evolution.declared import TYPES, Field, Model
from life.evolution.references import remove_field, rename_field
from life.evolution.steps import Steps

if TYPE_CHECKING:
    from life.evolution.declared import Declared


class FieldChanges(Steps):
    # Fields

    @rule(data=st.data())
    def add_field(self, data: Any) -> None:
        label = self._model(data, lambda model: model.kind != "proxy")
        if label:
            name, field = self._new("field"), self._some_field(data)
            self._change(
                f"add {label}.{name} {field.type}",
                lambda new: new.at(label).fields.update({name: field}),
            )

    @rule(data=st.data())
    def add_generated_field(self, data: Any) -> None:
        found = self._field(data, lambda field: field.type == "IntegerField")
        if found:
            label, of = found
            name = self._new("field")
            field = Field("GeneratedField", of=of)
            self._change(
                f"add {label}.{name} generated",
                lambda new: new.at(label).fields.update({name: field}),
            )

    @rule(
        data=st.data(),
        type=st.sampled_from(["ForeignKey", "OneToOneField", "ManyToManyField", "ManyToManyField"]),
    )
    def add_relation(self, data: Any, type: str) -> None:
        label = self._model(data, lambda model: model.has_table)
        to = self._model(data, lambda model: model.can_be_referred_to)
        if label and to:
            name = self._new("field")
            field = Field(type, to=to, has_rule=data.draw(st.booleans()))
            self._change(
                f"add {label}.{name} {type} {to}",
                lambda new: new.at(label).fields.update({name: field}),
            )

    @rule(data=st.data())
    def retarget(self, data: Any) -> None:
        found = self._field(data, lambda field: bool(field.to) and not field.through)
        to = self._model(data, lambda model: model.can_be_referred_to)
        if found and to:
            label, name = found
            self._change(
                f"{label}.{name} points to {to}",
                lambda new: setattr(new.at(label).fields[name], "to", to),
            )

    @rule(data=st.data(), table=st.sampled_from(["", "m2m table", "{m2m}"]))
    def change_table_of_relation(self, data: Any, table: str) -> None:
        found = self._field(data, lambda field: field.is_automatic)
        if found:
            label, name = found
            self._change(
                f"table of {label}.{name}: {table}",
                lambda new: setattr(new.at(label).fields[name], "db_table", table),
            )

    @rule(data=st.data())
    def declare_through_model(self, data: Any) -> None:
        """Declare a model for an automatic many-to-many table: only the state changes."""
        found = self._field(data, lambda field: field.is_automatic)
        if not found or self.is_over:
            return
        label, name = found
        app, _ = label.split(".")
        self.ruled.load()
        automatic: Any = apps.get_model(label)._meta.get_field(name)
        table = automatic.remote_field.through._meta
        columns = [field.column for field in table.fields if field.remote_field]
        model = Model(self._new("Model"), db_table=table.db_table)
        for column, to in zip(
            columns, (label, self.declared.at(label).fields[name].to), strict=True
        ):
            key = Field("ForeignKey", to=to, db_column=column, is_required=True)
            model.fields[self._new("field")] = key
        self._add_rules(data, model, data.draw(st.integers(0, 1)))

        def change(new: Declared) -> None:
            new.apps[app][model.name] = model
            new.at(label).fields[name].through = f"{app}.{model.name}"

        self._change(f"{label}.{name} is through {app}.{model.name}", change, state_only=True)

    @rule(data=st.data())
    def remove_field(self, data: Any) -> None:
        found = self._field(data, lambda field: True)
        if found:
            label, name = found
            self._change(f"remove {label}.{name}", lambda new: remove_field(new.at(label), name))

    @rule(data=st.data())
    def rename_field(self, data: Any) -> None:
        found = self._field(data, lambda field: True)
        if found:
            label, name = found
            to = self._new("field")
            self._change(
                f"rename {label}.{name} {to}", lambda new: rename_field(new, label, name, to)
            )

    @rule(data=st.data(), type=st.sampled_from([*TYPES]))
    def change_type(self, data: Any, type: str) -> None:
        found = self._field(data, lambda field: field.is_column)
        if found:
            label, name = found
            self._change(
                f"{label}.{name} becomes {type}",
                lambda new: setattr(new.at(label).fields[name], "type", type),
            )

    @rule(
        data=st.data(),
        option=st.sampled_from(["null", "default", "db_default", "unique", "db_index"]),
        atomic=st.booleans(),
    )
    def alter_field(self, data: Any, option: str, atomic: bool) -> None:
        found = self._field(data, lambda field: field.is_column)
        if found:
            label, name = found
            value = not getattr(self.declared.at(label).fields[name], option)
            self._change(
                f"{label}.{name}: {option}={value}",
                lambda new: setattr(new.at(label).fields[name], option, value),
                atomic,
            )

    @rule(data=st.data(), column=st.sampled_from(["", "renamed column", "{renamed}"]))
    def change_column(self, data: Any, column: str) -> None:
        found = self._field(data, lambda field: field.is_column)
        if found:
            label, name = found
            self._change(
                f"column of {label}.{name}: {column}",
                lambda new: setattr(new.at(label).fields[name], "db_column", column),
            )
