"""The models of the generated project, and its ``models.py`` with rules and history or without."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEADER = """\
import datetime
import decimal
import uuid

import pghistory
import pgtrigger
from django.db import models


"""

# Each type with its arguments and two values, as Python code.
TYPES = {
    "IntegerField": ("", "1", "2"),
    "BigIntegerField": ("", "3", "4"),
    "CharField": ("max_length=20", "'a'", "'b'"),
    "TextField": ("", "'c'", "'d'"),
    "BooleanField": ("", "False", "True"),
    "FloatField": ("", "1.5", "2.5"),
    "DateField": ("", "datetime.date(2026, 1, 1)", "datetime.date(2026, 1, 2)"),
    "DecimalField": ("max_digits=8, decimal_places=2", "decimal.Decimal(1)", "decimal.Decimal(2)"),
    "UUIDField": ("", "uuid.UUID(int=1)", "uuid.UUID(int=2)"),
    "JSONField": ("", "1", "2"),
}
KEYS = ["BigAutoField", "AutoField", "IntegerField", "BigIntegerField", "CharField"]
COMPOSITE = "CompositePrimaryKey"
RELATIONS = ["ForeignKey", "OneToOneField", "ManyToManyField"]


@dataclass
class Field:
    """A field: ``type`` is the name of its class, ``to`` and ``through`` are labels of models."""

    type: str
    to: str = ""
    null: bool = False
    default: bool = True
    db_default: bool = False
    unique: bool = False
    db_index: bool = False
    db_column: str = ""
    db_table: str = ""
    comment: str = ""
    of: str = ""
    has_rule: bool = False
    through: str = ""
    is_required: bool = False  # for a foreign key

    @property
    def is_column(self) -> bool:
        return self.type in TYPES

    @property
    def is_automatic(self) -> bool:
        """Return whether Django declares the model of its many-to-many table."""
        return self.type == "ManyToManyField" and not self.through

    def source(self) -> str:
        if self.type == "GeneratedField":
            return (
                f"models.GeneratedField(expression=models.F({self.of!r}) + 1,"
                " output_field=models.BigIntegerField(), db_persist=True)"
            )
        if self.type == "ManyToManyField":
            table = f", db_table={self.db_table!r}" if self.db_table else ""
            table = f", through={self.through!r}" if self.through else table
            return f"models.ManyToManyField({self.to!r}, related_name='+'{table})"
        return f"models.{self.type}({', '.join(self._arguments())})"

    def _arguments(self) -> Iterator[str]:
        if self.to:
            yield f"{self.to!r}, models.CASCADE, related_name='+'"
            if not self.is_required:
                yield "null=True"
        else:
            arguments, first, _ = TYPES[self.type]
            if arguments:
                yield arguments
            if self.null:
                yield "null=True"
            if self.db_default:
                yield f"db_default={first}"
            elif self.default or not self.null:
                yield f"default={first}"
        for option in ("unique", "db_index"):
            if getattr(self, option) and self.type != "OneToOneField":
                yield f"{option}=True"
        if self.db_column:
            yield f"db_column={self.db_column!r}"
        if self.comment:
            yield f"db_comment={self.comment!r}"


@dataclass
class Rule:
    """A rule by its kind (see ``SOURCES``) and, for most kinds, the field that it names."""

    kind: str
    name: str
    field: str = ""

    def source(self) -> str:
        return f"pgtrigger.{SOURCES[self.kind].format(name=self.name, field=self.field)}"


SOURCES = {
    "delete": "Protect(name='{name}', operation=pgtrigger.Delete)",
    "delete statement": (
        "Protect(name='{name}', operation=pgtrigger.Delete, level=pgtrigger.Statement)"
    ),
    "deferred delete": (
        "Protect(name='{name}', operation=pgtrigger.Delete, when=pgtrigger.After,"
        " timing=pgtrigger.Deferred)"
    ),
    "read only": "ReadOnly(name='{name}', fields=['{field}'])",
    "update of": "Protect(name='{name}', operation=pgtrigger.UpdateOf('{field}'))",
    "condition": (
        "Protect(name='{name}', operation=pgtrigger.Update,"
        " condition=pgtrigger.Q(old__{field}__df=pgtrigger.F('new__{field}')))"
    ),
    "condition statement": (
        "Protect(name='{name}', operation=pgtrigger.Update, level=pgtrigger.Statement,"
        " when=pgtrigger.After,"
        " condition=pgtrigger.Q(old__{field}__df=pgtrigger.F('new__{field}')))"
    ),
    "function": (
        "Trigger(name='{name}', operation=pgtrigger.Update, when=pgtrigger.Before,"
        ' func=pgtrigger.Func(\'IF OLD."{{columns.{field}}}" IS DISTINCT FROM'
        ' NEW."{{columns.{field}}}" THEN RAISE EXCEPTION $$refused$$; END IF; RETURN NEW;\'))'
    ),
}
OF_FIELDS = [kind for kind in SOURCES if "delete" not in kind]


@dataclass
class Model:
    """A model: ``kind`` is "", "abstract", "proxy" or "child" (of ``base``, a label)."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    key: str = "BigAutoField"
    kind: str = ""
    base: str = ""
    db_table: str = ""
    constraints: dict[str, tuple[str, str]] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    ordered_by: str = ""
    rules: list[Rule] = field(default_factory=list)
    level: str = ""  # of its history; none if it is empty
    append_only: bool = False
    event_table: str = ""

    @property
    def has_table(self) -> bool:
        return self.kind in ("", "child")

    @property
    def has_columns_only(self) -> bool:
        return all(field.type != "ManyToManyField" for field in self.fields.values())

    @property
    def can_be_referred_to(self) -> bool:
        """Return whether a foreign key can point to it."""
        return self.kind != "abstract" and self.key != COMPOSITE

    def _key(self) -> Iterator[str]:
        if self.key == COMPOSITE:
            yield "id = models.IntegerField(default=1)"
            yield "part = models.IntegerField(default=1)"
            yield "pk = models.CompositePrimaryKey('id', 'part')"
        elif self.kind in ("", "abstract") and not self.base:
            length = "max_length=30, " if self.key == "CharField" else ""
            yield f"id = models.{self.key}({length}primary_key=True)"

    def source(self, *, ruled: bool) -> str:
        lines = [f"    {line}" for line in self._key()]
        lines += [f"    {name} = {each.source()}" for name, each in self.fields.items()]
        lines += ["", "    class Meta:", *(f"        {line}" for line in self._meta(ruled))]
        base = self.base.replace(".", "_") or "models.Model"
        head = []
        if ruled and self.level and self.has_table:
            arguments = (
                "pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(),"
                f" level=pgtrigger.{self.level}, append_only={self.append_only}"
            )
            if self.event_table:
                arguments += f", meta={{'db_table': {self.event_table!r}}}"
            head = [f"@pghistory.track({arguments})"]
        text = "\n".join([*head, f"class {self.name}({base}):", *lines])
        if ruled:
            for name, each in self.fields.items():
                if each.is_automatic and each.has_rule:
                    rule = Rule("delete", "through").source()
                    text += f"\n\n\npgtrigger.register({rule})({self.name}.{name}.through)"
        return text

    def _meta(self, ruled: bool) -> Iterator[str]:
        yield "default_related_name = '+'"
        if self.kind in ("abstract", "proxy"):
            yield f"{self.kind} = True"
        if self.db_table:
            yield f"db_table = {self.db_table!r}"
        if self.ordered_by:
            yield f"order_with_respect_to = {self.ordered_by!r}"
        if self.constraints:
            yield f"constraints = [{', '.join(self._constraints())}]"
        if self.indexes:
            made = (f"models.Index(fields=[{f!r}], name={n!r})" for n, f in self.indexes.items())
            yield f"indexes = [{', '.join(made)}]"
        if ruled and self.rules and self.kind != "abstract":
            yield f"triggers = [{', '.join(rule.source() for rule in self.rules)}]"

    def _constraints(self) -> Iterator[str]:
        for name, (kind, column) in self.constraints.items():
            if kind == "unique":
                yield f"models.UniqueConstraint(fields=[{column!r}], name={name!r})"
            else:
                yield (
                    f"models.CheckConstraint(condition=models.Q({column}__isnull=False)"
                    f" | models.Q({column}__isnull=True), name={name!r})"
                )


@dataclass
class Declared:
    """The whole project: its apps, and the models of each by name."""

    apps: dict[str, dict[str, Model]] = field(default_factory=lambda: {"first": {}, "second": {}})
    # The last change renamed these, the old name first.
    renamed_models: set[tuple[str, str]] = field(default_factory=set)
    renamed_fields: set[tuple[str, str]] = field(default_factory=set)

    @property
    def labels(self) -> list[str]:
        """Return the labels of the apps. Models of the second may inherit from the first's."""
        return [*self.apps]

    def models(self) -> dict[str, Model]:
        """Return each model by its label."""
        return {
            f"{app}.{name}": model
            for app, models in self.apps.items()
            for name, model in models.items()
        }

    def used(self) -> set[str]:
        """Return the labels of the models that others refer to or inherit from."""
        models = self.models().values()
        return {model.base for model in models} | {
            label
            for model in models
            for field in model.fields.values()
            for label in (field.to, field.through)
        }

    def at(self, label: str) -> Model:
        app, name = label.split(".")
        return self.apps[app][name]

    def source(self, app: str, *, ruled: bool) -> str:
        """Return the text of ``models.py``."""
        package = "ruled" if ruled else "plain"
        bases = sorted({model.base for model in self.apps[app].values() if model.base})
        parts = [
            f"from {package}.{base.replace('.', '.models import ')} as {base.replace('.', '_')}"
            for base in bases
            if not base.startswith(f"{app}.")
        ]
        for model in sorted(self.apps[app].values(), key=self._depth):
            parts.append(model.source(ruled=ruled))
            if f"{app}.{model.name}" in bases:
                parts[-1] += f"\n\n\n{app}_{model.name} = {model.name}"
        return HEADER + "\n\n\n".join(parts) + "\n"

    def _depth(self, model: Model) -> int:
        return 1 + self._depth(self.at(model.base)) if model.base else 0
