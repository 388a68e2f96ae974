"""The documentation: nothing public is missing, and its code refers to what exists."""

import ast
import doctest
import importlib
import re
import sys
from pathlib import Path
from typing import Any

import django.core.management
import pytest
from django.conf import settings
from django.core.management import find_commands

from pgtrigger.conf import Setting

ROOT = Path(settings.BASE_DIR)
DOCS = ROOT / "docs"
LIBRARIES = ("pgtrigger", "pghistory", "integrity")
WRITTEN = [
    path
    for path in sorted(DOCS.rglob("*.md"))
    if not {"_build", "reference"} & set(path.relative_to(DOCS).parts)
]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MISSING = object()
# Commands of Django that a library extends.
OVERRIDDEN = {"__init__", *find_commands(django.core.management.__path__[0])}


@pytest.fixture(scope="module")
def reference() -> Any:
    sys.path.insert(0, str(DOCS))
    try:
        return importlib.import_module("reference")
    finally:
        sys.path.remove(str(DOCS))


def sources(library: str) -> str:
    return "\n".join(path.read_text() for path in (ROOT / library).rglob("*.py"))


class TestReference:
    def test_every_public_name_of_the_packages_is_there(self, reference: Any) -> None:
        pages = reference.pages()
        for package in ("pgtrigger", "pghistory"):
            tree = ast.parse((ROOT / package / "__init__.py").read_text())
            imported = {
                alias.asname or alias.name
                for node in tree.body
                if isinstance(node, ast.ImportFrom) and node.module != package
                for alias in node.names
                if not alias.name.startswith("_") and node.module != "__future__"
            }
            missing = {name for name in imported if f"## `{name}`\n" not in pages[package]}
            assert not missing, package

    def test_every_public_name_has_a_docstring(self, reference: Any) -> None:
        without = [
            f"{module}.{name}"
            for module in reference.MODULES
            for name in reference.public_names(importlib.import_module(module))
            if callable(value := getattr(importlib.import_module(module), name))
            and not (value.__doc__ or "").strip()
        ]
        assert without == []

    def test_every_setting_is_there(self, reference: Any) -> None:
        page = reference.pages()["settings"]
        names = [
            setting.name
            for name in reference.CONFIGURATION
            for setting in vars(importlib.import_module(name).Settings).values()
            if isinstance(setting, Setting)
        ]
        assert "PGHISTORY_LEVEL" in names
        assert "PGTRIGGER_MIGRATIONS" in names
        assert [name for name in names if f"## `{name}`\n" not in page] == []

    def test_every_check_is_there(self, reference: Any) -> None:
        page = reference.pages()["checks"]
        for library in LIBRARIES:
            for name in set(re.findall(rf'id="({library}\.[EWI]\d+)"', sources(library))):
                assert f"### `{name}`\n" in page, name

    def test_every_command_and_subcommand_is_there(self, reference: Any) -> None:
        page = reference.pages()["commands"]
        for library in LIBRARIES:
            for path in (ROOT / library / "management/commands").glob("*.py"):
                if path.stem not in OVERRIDDEN:
                    assert f"## `{path.stem}`\n" in page
        assert "## `pgtrigger ls`\n" in page

    def test_every_error_is_there(self, reference: Any) -> None:
        page = reference.pages()["errors"]
        errors = re.findall(
            r"^class (\w+Error)\b", (ROOT / "pgtrigger/errors.py").read_text(), re.M
        )
        assert {name for name in errors if f"## `pgtrigger.{name}`\n" not in page} == set()


def blocks(language: str) -> list[Any]:
    return [
        pytest.param(block, id=f"{path.relative_to(DOCS)}-{number}")
        for path in WRITTEN
        for number, (found, block) in enumerate(BLOCK.findall(path.read_text()), start=1)
        if found == language
    ]


def attribute(path: str) -> Any:
    """Return the object at a dotted path, or MISSING."""
    found: Any = importlib.import_module(path.partition(".")[0])
    for number, name in enumerate(path.split(".")[1:], start=2):
        if not hasattr(found, name):
            try:
                importlib.import_module(".".join(path.split(".")[:number]))
            except ImportError:
                return MISSING
        found = getattr(found, name, MISSING)
    return found


@pytest.mark.parametrize("block", blocks("python"))
def test_code_is_python_and_names_what_exists(block: str) -> None:
    prompts = doctest.DocTestParser().get_examples(block)
    tree = ast.parse("".join(prompt.source for prompt in prompts) or block)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(LIBRARIES):
            for alias in node.names:
                assert attribute(f"{node.module}.{alias.name}") is not MISSING, alias.name
        if isinstance(node, ast.Attribute):
            path = ast.unparse(node)
            if re.fullmatch(r"(?:pgtrigger|pghistory|integrity)(?:\.\w+)+", path):
                assert attribute(path) is not MISSING, path


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_link_leads_to_a_file(path: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists() or "reference/" in target, target


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_is_in_the_index(path: Path) -> None:
    name = str(path.relative_to(DOCS).with_suffix(""))
    folder, _, _ = name.rpartition("/")
    listed = (DOCS / "index.md").read_text().split("\n")
    assert name == "index" or name in listed or f"{folder}/*" in listed


@pytest.mark.long
def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    import subprocess

    pytest.importorskip("sphinx")
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", DOCS, tmp_path],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "searchindex.js").exists()
    assert "ProtectedError" in (tmp_path / "reference/errors.html").read_text()
    page = re.sub(r"<[^>]+>", "", (tmp_path / "reference/pgtrigger.html").read_text())
    assert "pgtrigger.AtMost(limit, /, *, per, where=None, **options)" in " ".join(page.split())
