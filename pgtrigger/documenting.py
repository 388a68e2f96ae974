"""The rules of each model as sentences, state diagrams and firing order.

https://mermaid.js.org/syntax/stateDiagram.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgtrigger.triggers import registry
from pgtrigger.triggers.fsm import ANY_STATE, FSM
from pgtrigger.triggers.rule import Rule, untranslated
from pgtrigger.vocabulary import clauses

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import Model

    from pgtrigger.triggers.trigger import Trigger

MOMENTS = ("before the statement", "before each row", "after each row", "after the statement")
AT_COMMIT = "at COMMIT"


def markdown(app_labels: Sequence[str] = ()) -> str:
    """Return a page in Markdown: a section for each model of these apps, or of all."""
    lines = ["# Rules", ""]
    for model, triggers in _models(app_labels):
        lines += [f"## {model._meta.label}", ""]
        for trigger in triggers:
            reports = isinstance(trigger, Rule) and trigger.reports
            passes = " It only reports: the write passes." if reports else ""
            lines.append(f"- `{trigger.name}`: {trigger.describe(model)}{passes}")
            if isinstance(trigger, Rule) and trigger.message is not None:
                lines.append(f"  Message: “{untranslated(trigger.message)}”")
        for trigger in triggers:
            if isinstance(trigger, FSM):
                lines += ["", f"States of `{trigger.field}`:", "", "```mermaid"]
                lines += [*_states(trigger), "```"]
        lines += ["", "Firing order:", ""]
        lines += [f"1. {moment}: {names}" for moment, names in _firing(model, triggers)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def mermaid(app_labels: Sequence[str] = ()) -> str:
    """Return the state diagrams alone, each after a comment with its URI."""
    lines = []
    for model, triggers in _models(app_labels):
        for trigger in triggers:
            if isinstance(trigger, FSM):
                lines += [f"%% {trigger.get_uri(model)}", *_states(trigger), ""]
    return "\n".join(lines)


def _models(app_labels: Sequence[str]) -> list[tuple[type[Model], list[Trigger]]]:
    """Return the models with rules, sorted by label. Raise LookupError for an app without rules."""
    by_label: dict[str, tuple[type[Model], list[Trigger]]] = {}
    for model, trigger in registry.registered():
        if not app_labels or model._meta.app_label in app_labels:
            by_label.setdefault(model._meta.label, (model, []))[1].append(trigger)
    for label in app_labels:
        if not any(known.startswith(f"{label}.") for known in by_label):
            raise LookupError(f"No model of the app {label!r} has a rule.")
    return [by_label[label] for label in sorted(by_label)]


def _states(rule: FSM) -> Iterator[str]:
    """A state diagram. States are quoted names, because a state may be any text."""
    pairs = [(_text(old), _text(new)) for old, new in rule.transitions or ()]
    initial = [_text(state) for state in rule.initial or ()]
    names = list(dict.fromkeys([*initial, *(state for pair in pairs for state in pair)]))
    ids = {name: f"s{number}" for number, name in enumerate(names)}
    yield "stateDiagram-v2"
    for name in names:
        shown = "any state" if name == ANY_STATE else name.replace('"', "'")
        yield f'    state "{shown}" as {ids[name]}'
    for name in initial:
        yield f"    [*] --> {ids[name]}"
    for old, new in pairs:
        yield f"    {ids[old]} --> {ids[new]}"


def _firing(model: type[Model], triggers: Sequence[Trigger]) -> Iterator[tuple[str, str]]:
    """Each moment of a write, and the triggers that fire then, in PostgreSQL's order: by name.

    https://www.postgresql.org/docs/current/trigger-definition.html
    """
    ordered = sorted(triggers, key=lambda trigger: trigger.get_pgid(model))
    for moment in (*MOMENTS, AT_COMMIT):
        names = [
            f"`{trigger.name}` ({trigger.operation})"
            for trigger in ordered
            if _moment(trigger) == moment
        ]
        if names:
            yield moment, ", ".join(names)


def _moment(trigger: Trigger) -> str:
    if trigger.timing == clauses.Deferred:
        return AT_COMMIT
    when = "before" if trigger.when == clauses.Before else "after"
    return f"{when} {'each row' if trigger.level == clauses.Row else 'the statement'}"


def _text(state: object) -> str:
    return "NULL" if state is None else str(getattr(state, "value", state))
