"""A place to try the rules: rows that exist only while a page is made.

Note [Journal]
A visitor's sandbox is not stored in the database. It is the journal of the steps that succeeded, in
a signed field of the page. Each request repeats the journal on private tables, then the new step,
reads the rows, and rolls everything back. So any number of visitors can try at once, nobody sees
another visitor's rows, and no rows stay behind. A row is identified by its place: the first, the
second that was added. The journal has at most MAX_STEPS steps and MAX_BYTES bytes of values.
"""

from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.core import signing
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, DatabaseError, models, transaction
from django.forms import Form

from integrity import conversion
from tutorial.private_tables import PrivateConnection, private_tables
from tutorial.recording import diagnostics
from tutorial.sandbox_forms import NOWHERE, form_for
from tutorial.sandbox_outcomes import StepOutcome, in_python, observed
from tutorial.sandbox_ways import REFINEMENTS, Way, ways_of

MAX_STEPS = 40
MAX_BYTES = 32_768
MAX_PLACE_DIGITS = 4


class Step(TypedDict):
    """`action` is add, save, delete or way; `row` a place, from 0; `values` are by attname.

    A way to write is known by its number in the chapter, in `values`.
    """

    model: str
    action: str
    row: int
    values: dict[str, Any]


@dataclass
class SandboxRow:
    """The present state of a row; `instance` and `form` are None if it is deleted."""

    place: int
    instance: models.Model | None
    form: Form | None = None
    refusal: dict[str, str] = field(default_factory=dict)
    ways: list[tuple[int, Way]] = field(default_factory=list)


@dataclass
class Section:
    """One model's part of the sandbox."""

    model: type[models.Model]
    rows: list[SandboxRow]
    add_form: Form
    refusal: dict[str, str] = field(default_factory=dict)
    ways: list[tuple[int, Way]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.model.__name__


@dataclass
class Sandbox:
    """The content of the page: a section per model, and the journal that leads there."""

    sections: list[Section]
    journal: list[Step]
    was_refused: bool = False
    outcome: StepOutcome | None = None

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
    """Return the journal in a page of these models; an empty one if the token is not valid."""
    try:
        journal: list[Step] = signing.loads(token, salt=_salt(shown), serializer=_Serializer)
    except signing.BadSignature:
        return []
    return journal


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
    chapter: str = "",
) -> Sandbox:
    """Repeat the journal, run one more step, and roll back. See Note [Journal].

    `action` is what the pressed button says: `add:CannotDelete`, `save:CannotDelete:0`,
    `delete:CannotDelete:0` or `way:CannotDelete:0:1`, the number of a way of the chapter; anything
    else only shows the sandbox. `chapter` is the name of a scenario module. As in a shell, nothing
    of the request's own context, such as its user, is set for the steps.
    """
    return Context().run(_visit, shown, journal, action, data, using, chapter)


def _visit(
    shown: Sequence[type[models.Model]],
    journal: Sequence[Step],
    action: str,
    data: Any,
    using: str,
    chapter: str,
) -> Sandbox:
    if not journal and not action:
        world = _World(shown, using, chapter)
        return Sandbox([world.empty_section(model) for model in shown], [])
    outcome = None
    with private_tables(shown, using) as connection:
        world = _World(shown, using, chapter)
        for step in journal:
            world.apply(step)
        kind, name, place, number = world.read_action(action)
        form = world.form(kind, name, place, number, data) if len(journal) < MAX_STEPS else None
        refusal: dict[str, str] = {}
        if form is not None and (kind in ("delete", "way") or form.is_valid()):
            step = Step(model=name, action=kind, row=place, values=_values(kind, form, number))
            refusal = _TOO_LARGE
            if _size([*journal, step]) <= MAX_BYTES:
                refusal, outcome = world.attempt(step, connection)
            if not refusal:
                journal, form = [*journal, step], None
        sections = [world.section(model) for model in shown]
    if form is not None:
        section = next(section for section in sections if section.name == name)
        _show_refusal(section, kind, place, form, refusal)
    return Sandbox(sections, list(journal), was_refused=form is not None, outcome=outcome)


class _World:
    """The rows of a transaction, by model and place."""

    def __init__(self, shown: Sequence[type[models.Model]], using: str, chapter: str):
        self.models = {model.__name__: model for model in shown}
        self.using, self.chapter = using, chapter
        self.keys: dict[str, list[Any]] = {name: [] for name in self.models}

    def read_action(self, action: str) -> tuple[str, str, int, int]:
        """Return the kind, the model, the place of the row, and the number of the way."""
        kind, name, place, number = (*action.split(":"), "", "", "")[:4]
        if kind not in ("add", "save", "delete", "way") or name not in self.models:
            return "", "", 0, 0
        return kind, name, _number(place), _number(number)

    def way(self, name: str, number: int) -> Way | None:
        return dict(ways_of(self.chapter, self.models[name])).get(number)

    def form(self, kind: str, name: str, place: int, number: int, data: Any) -> Form | None:
        """Return the form that was sent, or None if its row or way does not exist."""
        way = self.way(name, number) if kind == "way" else None
        if kind == "way" and way is None:
            return None
        if kind == "add" or (way is not None and not way.is_of_row):
            return form_for(self.models[name], self.keys, data)
        row = self.row(name, place) if kind else None
        if row is None or row.instance is None:
            return None
        return form_for(self.models[name], self.keys, data, instance=row.instance, place=place)

    def row(self, name: str, place: int) -> SandboxRow | None:
        if place >= len(self.keys[name]):
            return None
        found = self.models[name]._base_manager.filter(pk=self.keys[name][place]).first()
        return SandboxRow(place, found)

    def section(self, model: type[models.Model]) -> Section:
        name = model.__name__
        rows = [row for place in range(len(self.keys[name])) if (row := self.row(name, place))]
        for row in rows:
            if row.instance is not None:
                row.form = form_for(model, self.keys, instance=row.instance, place=row.place)
                row.ways = [each for each in ways_of(self.chapter, model) if each[1].is_of_row]
        section = self.empty_section(model)
        section.rows = rows
        return section

    def empty_section(self, model: type[models.Model]) -> Section:
        ways = [each for each in ways_of(self.chapter, model) if not each[1].is_of_row]
        return Section(model, [], form_for(model, self.keys), ways=ways)

    def attempt(
        self, step: Step, connection: PrivateConnection
    ) -> tuple[dict[str, str], StepOutcome]:
        """Apply the step as a transaction.

        Returns:
            The fields of the error, empty if the step succeeded, and what the step did.
        """
        kept = {name: list(keys) for name, keys in self.keys.items()}
        rules = REFINEMENTS.get(self.chapter, ())
        refusal: dict[str, str] = {}
        with observed(connection, list(self.models.values())) as outcome:
            try:
                with conversion.refine_integrity_error(rules), transaction.atomic(self.using):
                    outcome.returned = self.apply(step)
            except Exception as error:
                if not isinstance(error, (DatabaseError, ValueError, *_refined(rules))):
                    raise
                self.keys = kept
                outcome.error = in_python(error)
                refusal = diagnostics(error) or {"message": str(error)}
        return refusal, outcome

    def apply(self, step: Step) -> str:
        """Make the step, and return what a way to write returned, as text."""
        model, keys = self.models[step["model"]], self.keys[step["model"]]
        if step["action"] == "way":
            return self._apply_way(step)
        values = {name: self._value(model, name, value) for name, value in step["values"].items()}
        if step["action"] == "add":
            keys.append(model._base_manager.create(**values).pk)
            return ""
        row = self.row(step["model"], step["row"])
        if row is None or row.instance is None:
            return ""
        if step["action"] == "delete":
            row.instance.delete()
            return ""
        for name, value in values.items():
            setattr(row.instance, name, value)
        row.instance.save()
        return ""

    def _apply_way(self, step: Step) -> str:
        way = self.way(step["model"], step["values"]["way"])
        row = self.row(step["model"], step["row"]) if way and way.is_of_row else None
        if way is None or (way.is_of_row and (row is None or row.instance is None)):
            return ""
        returned = way.call(row.instance if row else self.using)
        if isinstance(returned, models.Model):
            self.keys[step["model"]].append(returned.pk)
            return ""
        return "" if returned is None else str(returned)

    def _value(self, model: type[models.Model], attname: str, value: Any) -> Any:
        """Return a value of the journal; for a foreign key, the key of the row in that place."""
        column = next(f for f in model._meta.concrete_fields if f.attname == attname)
        if column.related_model is None:
            return column.to_python(value)
        keys = self.keys[column.related_model.__name__]
        if value is None:
            return None
        return keys[value] if value < len(keys) else NOWHERE


def _number(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_PLACE_DIGITS
    return int(text) if is_number else 0


def _refined(rules: Sequence[tuple[Any, type[Exception]]]) -> tuple[type[Exception], ...]:
    return tuple(exception for _, exception in rules)


def _values(kind: str, form: Form, number: int) -> dict[str, Any]:
    if kind == "way":
        return {"way": number}
    if kind == "delete":
        return {}
    names = form.fields if kind == "add" else form.changed_data
    return {name: form.cleaned_data[name] for name in names}


def _show_refusal(
    section: Section, kind: str, place: int, form: Form, refusal: dict[str, str]
) -> None:
    """Show the refused write as an error of its form."""
    is_of_row = kind != "add" and place < len(section.rows)
    if kind == "way" and not is_of_row:
        section.refusal = refusal
        return
    if kind in ("delete", "way"):
        section.rows[place].refusal = refusal
        return
    if refusal:
        column = refusal.get("column")
        form.add_error(column if column in form.fields else None, refusal["message"])
    if kind == "add":
        section.add_form, section.refusal = form, refusal
    else:
        section.rows[place].form, section.rows[place].refusal = form, refusal
