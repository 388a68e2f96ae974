"""A place to try the rules: rows that exist only while a page is made.

Note [Journal]
A visitor's sandbox is not kept in the database. It is the journal of the steps that succeeded,
which the page carries in a signed field. Each request repeats the journal on private tables, then
the new step, reads the rows, and rolls everything back. So any number of visitors can try at once,
nobody sees another visitor's rows, and none is left behind. A row is known by its place: the first,
the second one added. The journal has at most MAX_STEPS steps and MAX_BYTES bytes of values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, models, transaction
from django.forms import Form

from tutorial.private_tables import private_tables
from tutorial.recording import diagnostics
from tutorial.sandbox_forms import NOWHERE, form_for

MAX_STEPS = 40
MAX_BYTES = 32_768
MAX_PLACE_DIGITS = 4


class Step(TypedDict):
    """`action` is add, save or delete; `row` a place, from 0; `values` are by attname."""

    model: str
    action: str
    row: int
    values: dict[str, Any]


@dataclass
class Row:
    """The present state of a row; `instance` and `form` are None if it is deleted."""

    place: int
    instance: models.Model | None
    form: Form | None = None
    refusal: dict[str, str] = field(default_factory=dict)


@dataclass
class Section:
    """One model's part of the sandbox."""

    model: type[models.Model]
    rows: list[Row]
    add_form: Form
    refusal: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.model.__name__


@dataclass
class Sandbox:
    """The content of the page: a section per model, and the journal that leads there."""

    sections: list[Section]
    journal: list[Step]
    was_refused: bool = False

    @property
    def token(self) -> str:
        salt = _salt([section.model for section in self.sections])
        return signing.dumps(self.journal, salt=salt, serializer=_Serializer, compress=True)

    @property
    def is_full(self) -> bool:
        return len(self.journal) >= MAX_STEPS


class _Serializer(signing.JSONSerializer):
    def dumps(self, obj: Any) -> bytes:
        return DjangoJSONEncoder(separators=(",", ":")).encode(obj).encode()


def read_journal(token: str, shown: Sequence[type[models.Model]]) -> list[Step]:
    """The journal that a page of these models carried; an empty one where it is not such a one."""
    try:
        return signing.loads(token, salt=_salt(shown), serializer=_Serializer)
    except signing.BadSignature:
        return []


def _size(journal: Sequence[Step]) -> int:
    return len(_Serializer().dumps(journal))


_TOO_LARGE = {"message": f"The sandbox holds {MAX_BYTES} bytes. Start again with shorter values."}


def _salt(shown: Sequence[type[models.Model]]) -> str:
    return " ".join(["tutorial.sandbox", *(model.__name__ for model in shown)])


def visit(
    shown: Sequence[type[models.Model]],
    journal: Sequence[Step] = (),
    action: str = "",
    data: Any = None,
    using: str = DEFAULT_DB_ALIAS,
) -> Sandbox:
    """Play the journal, then one more step, and keep nothing. See Note [Journal].

    `action` is what the pressed button says: `add:CannotDelete`, `save:CannotDelete:0` or
    `delete:CannotDelete:0`; anything else only shows the sandbox.
    """
    if not journal and not action:
        nothing = _World(shown, using).keys
        return Sandbox([Section(model, [], form_for(model, nothing)) for model in shown], [])
    with private_tables(shown, using):
        world = _World(shown, using)
        for step in journal:
            world.apply(step)
        kind, name, place = world.read_action(action)
        form = world.form(kind, name, place, data) if len(journal) < MAX_STEPS else None
        refusal: dict[str, str] = {}
        if form is not None and (kind == "delete" or form.is_valid()):
            step = Step(model=name, action=kind, row=place, values=_values(kind, form))
            refusal = world.attempt(step) if _size([*journal, step]) <= MAX_BYTES else _TOO_LARGE
            if not refusal:
                journal, form = [*journal, step], None
        sections = [world.section(model) for model in shown]
    if form is not None:
        section = next(section for section in sections if section.name == name)
        _show_refusal(section, kind, place, form, refusal)
    return Sandbox(sections, list(journal), was_refused=form is not None)


class _World:
    """The rows there are while a transaction lasts, by model and place."""

    def __init__(self, shown: Sequence[type[models.Model]], using: str):
        self.models = {model.__name__: model for model in shown}
        self.using = using
        self.keys: dict[str, list[Any]] = {name: [] for name in self.models}

    def read_action(self, action: str) -> tuple[str, str, int]:
        kind, name, place = (*action.split(":"), "", "")[:3]
        if kind not in ("add", "save", "delete") or name not in self.models:
            return "", "", 0
        is_number = place.isascii() and place.isdigit() and len(place) <= MAX_PLACE_DIGITS
        return kind, name, int(place) if is_number else 0

    def form(self, kind: str, name: str, place: int, data: Any) -> Form | None:
        """Return the form that was sent, or None if its row no longer exists."""
        if kind == "add":
            return form_for(self.models[name], self.keys, data)
        row = self.row(name, place) if kind else None
        if row is None or row.instance is None:
            return None
        return form_for(self.models[name], self.keys, data, instance=row.instance, place=place)

    def row(self, name: str, place: int) -> Row | None:
        if place >= len(self.keys[name]):
            return None
        found = self.models[name]._base_manager.filter(pk=self.keys[name][place]).first()
        return Row(place, found)

    def section(self, model: type[models.Model]) -> Section:
        name = model.__name__
        rows = [self.row(name, place) for place in range(len(self.keys[name]))]
        for row in rows:
            if row.instance is not None:
                row.form = form_for(model, self.keys, instance=row.instance, place=row.place)
        return Section(model, rows, form_for(model, self.keys))

    def attempt(self, step: Step) -> dict[str, str]:
        """Apply the step, deferred rules and all; the fields of the error where it is refused."""
        kept = {name: list(keys) for name, keys in self.keys.items()}
        try:
            with transaction.atomic(self.using):
                self.apply(step)
                with connections[self.using].cursor() as cursor:
                    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                    cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        except DatabaseError as error:
            self.keys = kept
            return diagnostics(error) or {"message": str(error)}
        return {}

    def apply(self, step: Step) -> None:
        model, keys = self.models[step["model"]], self.keys[step["model"]]
        values = {name: self._value(model, name, value) for name, value in step["values"].items()}
        if step["action"] == "add":
            keys.append(model._base_manager.create(**values).pk)
            return
        row = self.row(step["model"], step["row"])
        if row is None or row.instance is None:
            return
        if step["action"] == "delete":
            row.instance.delete()
            return
        for name, value in values.items():
            setattr(row.instance, name, value)
        row.instance.save()

    def _value(self, model: type[models.Model], attname: str, value: Any) -> Any:
        """A value of the journal: for a foreign key, the key of the row in that place."""
        column = next(f for f in model._meta.concrete_fields if f.attname == attname)
        if not column.is_relation:
            return column.to_python(value)
        keys = self.keys[column.related_model.__name__]
        if value is None:
            return None
        return keys[value] if value < len(keys) else NOWHERE


def _values(kind: str, form: Form) -> dict[str, Any]:
    if kind == "delete":
        return {}
    names = form.fields if kind == "add" else form.changed_data
    return {name: form.cleaned_data[name] for name in names}


def _show_refusal(
    section: Section, kind: str, place: int, form: Form, refusal: dict[str, str]
) -> None:
    """Show the refused write as an error of its form."""
    if kind == "delete":
        section.rows[place].refusal = refusal
        return
    if refusal:
        column = refusal.get("column")
        form.add_error(column if column in form.fields else None, refusal["message"])
    if kind == "add":
        section.add_form, section.refusal = form, refusal
    else:
        section.rows[place].form, section.rows[place].refusal = form, refusal
