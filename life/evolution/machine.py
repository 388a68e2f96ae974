"""Random changes of the generated project, each made with rules and history and without."""

from __future__ import annotations

import copy
import itertools
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from life.evolution import code, looking
from life.evolution.declared import (
    KEYS,
    OF_FIELDS,
    SOURCES,
    TYPES,
    Declared,
    Field,
    Model,
    Rule,
)
from life.evolution.project import LABELS, Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TABLES = ["", "", "a table", "{table}", "Table"]


class Difference(AssertionError):
    """What the project with rules did otherwise than the one without."""


class Evolution(RuleBasedStateMachine):
    """Changes ``Declared``, migrates both projects, and compares."""

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

    def _change(self, text: str, change: Callable[[Declared], Any], atomic: bool = True) -> None:
        """Make a change in both projects, unless plain Django cannot make it."""
        if self.is_over:
            return
        new = copy.deepcopy(self.declared)
        new.renamed_models, new.renamed_fields = set(), set()
        change(new)
        before = self.plain.leaves()
        if not self._plainly(new, before, text):
            return
        Evolution.steps += 1
        self.say(text)
        self.declared = new
        try:
            self.ruled.declare(new)
            self.ruled.makemigrations(atomic=atomic)
            self.ruled.migrate()
        except Exception as error:
            raise self._difference(text, f"{type(error).__name__}: {error}") from error
        self._compare(text)

    def _plainly(self, new: Declared, before: dict[str, str], text: str) -> bool:
        written: list[tuple[str, Any]] = []
        try:
            self.plain.declare(new)
            written = self.plain.makemigrations()
            self.plain.migrate()
            lasting = self.plain.changes()
            self.plain.render()
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            if not lasting:
                return True
            reason = "makemigrations finds the same again"
        Evolution.refused += 1
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

    # Models

    @rule(data=st.data())
    def create_model(self, data: Any) -> None:
        app = data.draw(st.sampled_from(LABELS))
        model = Model(self._new("Model"), key=data.draw(st.sampled_from(KEYS)))
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

    @rule(data=st.data())
    def add_child(self, data: Any) -> None:
        """With a table of its own, as a proxy, or from an abstract model."""
        base = self._model(data, lambda model: model.kind in ("", "abstract"))
        if base is None:
            return
        app = data.draw(st.sampled_from(LABELS)) if base.startswith("first.") else "second"
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
        app = data.draw(st.sampled_from(LABELS))
        model = Model(self._new("Abstract"), kind="abstract")
        model.fields[self._new("field")] = self._some_field(data)
        self._change(
            f"declare {app}.{model.name}, abstract",
            lambda new: new.apps[app].update({model.name: model}),
        )

    @rule(data=st.data())
    def delete_model(self, data: Any) -> None:
        used = {model.base for model in self.declared.models().values()} | {
            field.to for model in self.declared.models().values() for field in model.fields.values()
        }
        label = self._pick(data, [label for label in self._labels() if label not in used])
        if label and len(self._labels()) > 2:
            app, name = label.split(".")
            self._change(f"delete {label}", lambda new: new.apps[app].pop(name))

    @rule(data=st.data())
    def rename_model(self, data: Any) -> None:
        label = self._model(data, lambda model: model.kind != "abstract")
        if label:
            name = self._new("Model")
            self._change(f"rename {label} {name}", lambda new: _rename_model(new, label, name))

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
                model = _rename_model(new, label, name)
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
        label = self._model(data, lambda model: model.kind == "" and not model.base)
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
        to = self._model(data, lambda model: model.kind != "abstract")
        if label and to:
            name = self._new("field")
            field = Field(type, to=to, has_rule=data.draw(st.booleans()))
            self._change(
                f"add {label}.{name} {type} {to}",
                lambda new: new.at(label).fields.update({name: field}),
            )

    @rule(data=st.data())
    def retarget(self, data: Any) -> None:
        found = self._field(data, lambda field: bool(field.to))
        to = self._model(data, lambda model: model.kind != "abstract")
        if found and to:
            label, name = found
            self._change(
                f"{label}.{name} points to {to}",
                lambda new: setattr(new.at(label).fields[name], "to", to),
            )

    @rule(data=st.data(), table=st.sampled_from(["", "m2m table", "{m2m}"]))
    def change_table_of_relation(self, data: Any, table: str) -> None:
        found = self._field(data, lambda field: field.type == "ManyToManyField")
        if found:
            label, name = found
            self._change(
                f"table of {label}.{name}: {table}",
                lambda new: setattr(new.at(label).fields[name], "db_table", table),
            )

    @rule(data=st.data())
    def remove_field(self, data: Any) -> None:
        found = self._field(data, lambda field: True)
        if found:
            label, name = found
            self._change(f"remove {label}.{name}", lambda new: _remove_field(new.at(label), name))

    @rule(data=st.data())
    def rename_field(self, data: Any) -> None:
        found = self._field(data, lambda field: True)
        if found:
            label, name = found
            to = self._new("field")
            self._change(
                f"rename {label}.{name} {to}", lambda new: _rename_field(new, label, name, to)
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
        found = self._field(data, lambda field: field.type == "ManyToManyField")
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

    # Migrations

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
        Evolution.steps += 1
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
        Evolution.steps += 1
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

    def _goes(self, project: Project, leaves: dict[str, str], text: str) -> bool:
        try:
            project.migrate_to(leaves)
        except Exception as error:
            Evolution.refused += 1
            self.say(f"(Django cannot: {text}: {type(error).__name__}: {str(error)[:80]})")
            try:
                project.migrate()
            except Exception:
                self.is_over = True
            return False
        return True

    @rule()
    def to_zero_and_forth(self) -> None:
        if self.is_over or len(self.past) < 3:
            return
        text = "to zero and forth"
        if not self._to_zero():
            return
        self.say(text)
        Evolution.steps += 1
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

    def _to_zero(self) -> bool:
        zero = dict.fromkeys(LABELS, "zero")
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

    @rule(label=st.sampled_from(LABELS))
    def squash(self, label: str) -> None:
        """Squash an app's migrations in both projects, remove the old ones, and replay."""
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
            Evolution.refused += 1
            self.say(f"(Django cannot: {text}: {type(error).__name__}: {str(error)[:80]})")
            self.is_over = True
            return
        Evolution.steps += 1
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
        project.migrate_to(dict.fromkeys(LABELS, "zero"))
        project.migrate()


def _rename_model(new: Declared, label: str, name: str) -> Model:
    app, old = label.split(".")
    model = new.apps[app].pop(old)
    model.name = name
    new.apps[app][name] = model
    new.renamed_models.add((old, name))
    for each in new.models().values():
        each.base = f"{app}.{name}" if each.base == label else each.base
        for field in each.fields.values():
            field.to = f"{app}.{name}" if field.to == label else field.to
    return model


def _rename_field(new: Declared, label: str, old: str, name: str) -> None:
    model = new.at(label)
    model.fields = {name if key == old else key: field for key, field in model.fields.items()}
    new.renamed_fields.add((old, name))
    _replace_references(model, old, name)


def _remove_field(model: Model, name: str) -> None:
    del model.fields[name]
    _replace_references(model, name, "")


def _replace_references(model: Model, old: str, name: str) -> None:
    """Let what names the field follow it, or go with it."""
    for field in model.fields.values():
        field.of = name if field.of == old else field.of
    model.fields = {
        key: field
        for key, field in model.fields.items()
        if field.of or field.type != "GeneratedField"
    }
    for rule_ in model.rules:
        if rule_.field == old:
            rule_.field = name
    model.rules = [rule_ for rule_ in model.rules if rule_.field or rule_.kind not in OF_FIELDS]
    model.constraints = {
        key: (kind, name if column == old else column)
        for key, (kind, column) in model.constraints.items()
        if name or column != old
    }
    model.indexes = {
        key: name if column == old else column
        for key, column in model.indexes.items()
        if name or column != old
    }
    if model.ordered_by == old:
        model.ordered_by = name
