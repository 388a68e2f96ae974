"""``manage.py pgtrigger docs``: the rules in words and diagrams."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

import pgtrigger
from pgtrigger import documenting
from tests.pgtrigger.models import Machine, Plain

pytestmark = pytest.mark.django_db


def docs(*arguments):
    out = io.StringIO()
    call_command("pgtrigger", "docs", *arguments, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (
            pgtrigger.Protect(
                name="p", operation=pgtrigger.Delete, condition=pgtrigger.Q(old__number__gte=5)
            ),
            "Refuses DELETE if the old number is at least 5.",
        ),
        (
            pgtrigger.ReadOnly(name="r", fields=["text", "number"]),
            "Refuses to change number, text.",
        ),
        (
            pgtrigger.Frozen(when=Q(text="x"), allow=["number"]),
            "Refuses to change created_at, id, json, nullable, parent, renamed, text "
            "if the old text is 'x'.",
        ),
        (
            pgtrigger.FSM(name="f", field="text", transitions=[("a", "b"), (None, "c")]),
            "Lets text change only so: a to b; NULL to c.",
        ),
        (
            pgtrigger.Version("number"),
            "Counts the changes of a row in number, and refuses to save an object that was read "
            "before another change.",
        ),
        (
            pgtrigger.Count("parent.number", where=Q(text="x")),
            "Keeps pgtrigger_tests.Plain.number the number of its rows of pgtrigger_tests.Plain "
            "of which the text is 'x', after INSERT.",
        ),
        (
            pgtrigger.AtMost(3, per="parent"),
            "Refuses INSERT that leaves more than 3 rows per parent.",
        ),
        (
            pgtrigger.NoCycle("parent"),
            "Refuses UPDATE that makes a row its own ancestor by parent.",
        ),
        (
            pgtrigger.Requires("parent__text", "open"),
            "Allows INSERT and UPDATE and DELETE only while the text is 'open' in its parent.",
        ),
        (
            pgtrigger.Trigger(
                name="t", when=pgtrigger.Before, operation=pgtrigger.Insert, func="RETURN NEW;"
            ),
            "Runs its function before INSERT.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, pgtrigger.Trigger) else "",
)
def test_each_rule_is_a_sentence(rule, sentence):
    assert rule.describe(Plain) == sentence


def test_a_page_has_sentences_messages_diagrams_and_the_order_of_firing(make_model):
    model = make_model(
        state=models.CharField(max_length=9),
        table=False,
        triggers=[
            pgtrigger.FSM(
                name="flow",
                field="state",
                initial=["new"],
                transitions=[("new", "done"), ("*", "gone")],
                message=_("This field is required."),
            ),
            pgtrigger.Protect(name="a_first", operation=pgtrigger.Update),
        ],
    )
    page = documenting.markdown(["pgtrigger_tests"])
    section = page[page.index(f"## {model._meta.label}") :].partition("\n## ")[0].strip()
    assert (
        section
        == f"""## {model._meta.label}

- `flow`: Lets state change only so: new to done; * to gone.
  Message: “This field is required.”
- `flow_initial`: Lets a new row begin only in these states of state: new.
  Message: “This field is required.”
- `a_first`: Refuses UPDATE.

States of `state`:

```mermaid
stateDiagram-v2
    state "new" as s0
    state "done" as s1
    state "any state" as s2
    state "gone" as s3
    [*] --> s0
    s0 --> s1
    s2 --> s3
```

Firing order:

1. before each row: `a_first` (UPDATE), `flow` (UPDATE), `flow_initial` (INSERT)"""
    )


def test_the_diagrams_alone(tmp_path):
    text = docs("pgtrigger_tests", "--format", "mermaid")
    assert f"%% {Machine._meta.label}:state\nstateDiagram-v2\n" in text
    assert "##" not in text


def test_check_fails_if_the_file_is_out_of_date(tmp_path):
    path = str(tmp_path / "RULES.md")
    with pytest.raises(SystemExit):
        docs("--output", path, "--check")
    docs("--output", path)
    assert docs("--output", path, "--check") == f"Up to date: {path}\n"
    (tmp_path / "RULES.md").write_text("old")
    with pytest.raises(SystemExit):
        docs("--output", path, "--check")
    assert (tmp_path / "RULES.md").read_text() == "old"


def test_check_needs_a_file():
    with pytest.raises(CommandError, match="add --output FILE"):
        docs("--check")


def test_an_app_without_rules_is_an_error():
    with pytest.raises(CommandError, match="No model of the app 'nothing' has a rule"):
        docs("nothing")
