"""The page of errors has each message that a rule raises."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import pgtrigger
from pgtrigger import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/topics/errors.md").read_text()


def written(node):
    """The text of a string in the code with … in the place of values, or empty."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%s", "…", text)
        case ast.JoinedStr(values=values):
            return "".join(written(each) or "…" for each in values)
    return ""


def messages():
    for path in sorted((ROOT / "pgtrigger").rglob("*.py")):
        source = path.read_text()
        if "pgtrigger: " not in source:  # parsing takes long, and each worker collects this file
            continue
        tree = ast.parse(source)
        for node in ast.walk(tree):
            text = written(node)
            if re.match(r"pgtrigger: .+ .", text):
                yield text


# Parts of an f-string are constants too, so a text that another begins with is left out.
EVERY = sorted(set(messages()))
WHOLE = [text for text in EVERY if not any(o != text and o.startswith(text) for o in EVERY)]


def test_rules_have_messages():
    assert len(WHOLE) >= 13


@pytest.mark.parametrize("message", WHOLE)
def test_each_message_of_a_rule_is_documented(message):
    assert f"| `{message}` | " in PAGE


def test_each_exception_of_a_refused_write_is_documented():
    exceptions = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, pgtrigger.TriggerError)
    ]
    assert [name for name in exceptions if f"| `{name}` | " not in PAGE] == []
