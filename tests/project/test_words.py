"""Docstrings and comments in plain English: habits that come back are named here."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
PACKAGES = sorted(
    path.parent.name
    for path in ROOT.glob("*/__init__.py")
    if path.parent.name not in {"bench", "life"}
)
# A docstring begins with an imperative or a noun: "Return the keys", "The comment of a trigger".
FRAGMENT = r"(What|Whether|Those|Who|Whose|Which|Where|How|That|Of|As)\b"
HABITS = {
    r"\banew\b": "again",
    r"\ball the same\b": "still, or a full sentence",
    r"\bhears? of\b": "is told, is called with",
    r"\b[Ww]h(o|ich)ever\b": "any",
    r"\bof (its|their|one's) own\b": "its own, separate",
    r"(?<![Tt]here )\b(is|are|was|were) no(?! longer| more)\b": "is not a",
    r"(?<![Tt]here )\b(is|are|has|have|had) none\b": "does not have one",
    r"\b(None|nothing|empty|none|\w+Error) where\b": "if: where names a place",
    r", for (it|they|he) ": "because",
    r"; None: ": "None if",
    r"\bof before\b": "from before",
    r"\bPostgres\b": "PostgreSQL",
}


def texts(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Yield the line and the text of each docstring and comment, and whether it is a docstring."""
    source = path.read_text()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node)
            if docstring:
                yield node.body[0].lineno, docstring, True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# "), False


def found_in(place: str, text: str) -> list[str]:
    """Return the habits in a text."""
    return [
        f"{place}: {match[0]!r}: write {better!r}"
        for habit, better in HABITS.items()
        for match in re.finditer(habit, " ".join(text.split()))
    ]


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_and_comments_are_plain_english(package: str) -> None:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        if "migrations" in path.parts or path == Path(__file__):
            continue
        for line, text, is_docstring in texts(path):
            place = f"{path.relative_to(ROOT)}:{line}"
            if is_docstring and re.match(FRAGMENT, text):
                found.append(f"{place}: begins with {text.split()[0]!r}: begin with a noun or verb")
            found.extend(found_in(place, text))
    assert found == []


def test_pages_are_plain_english() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]
    found = []
    for page in sorted(pages):
        if page.name == "CHANGELOG.md":
            continue
        prose = re.sub(r"^( *)```.*?^\1```|`[^`\n]+`", "", page.read_text(), flags=re.M | re.S)
        for line in prose.split("\n\n"):
            found.extend(found_in(str(page.relative_to(ROOT)), line))
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_errors_are_plain_english(package: str) -> None:
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        if "migrations" in path.parts or package == "tests":
            continue
        for raised in ast.walk(ast.parse(path.read_text())):
            if isinstance(raised, ast.Raise) and raised.exc is not None:
                text = " ".join(
                    str(part.value)
                    for part in ast.walk(raised.exc)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                )
                found.extend(found_in(f"{path.relative_to(ROOT)}:{raised.lineno}", text))
    assert found == []
