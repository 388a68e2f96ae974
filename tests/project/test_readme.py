"""The README is up to date with the code."""

import argparse
import re
import shutil
import subprocess
import tomllib

import pytest
from django.core.management import load_command_class

from tests.project import readme

TEXT = readme.README.read_text()
LIMIT = 130  # lines, without the generated blocks


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_generated_blocks_are_up_to_date(page):
    text = page.read_text()
    assert readme.rendered(text) == text, "Run: python -m tests.project.readme"


def test_it_is_short():
    assert sum(piece.count("\n") for piece in readme.outside(TEXT)) < LIMIT


def test_the_first_screen_has_a_sentence_two_commands_a_picture_and_a_rule():
    places = [TEXT.index(part) for part in ("template whose", "make demo", "![", "triggers = [")]
    assert places == sorted(places)
    assert TEXT.count("![") == 1


def test_python_is_the_version_that_the_project_requires():
    project = tomllib.loads((readme.ROOT / "pyproject.toml").read_text())["project"]
    (version,) = re.findall(r"You need Python (\S+) or later", TEXT)
    assert project["requires-python"] == f">={version}"


@pytest.mark.skipif(shutil.which("git") is None, reason="git, which lists the files, is not here")
def test_the_tree_lists_every_top_level_folder():
    assert [name for name in readme.ENTRIES if not (readme.ROOT / name).exists()] == []
    listed = subprocess.run(
        ["git", "ls-files"], cwd=readme.ROOT, capture_output=True, text=True, check=True
    )
    folders = {f"{path.partition('/')[0]}/" for path in listed.stdout.split("\n") if "/" in path}
    assert {name for name in folders if not name.startswith(".")} <= set(readme.ENTRIES)


def test_generating_changes_nothing_outside_the_blocks():
    spoiled = (
        "a\n<!-- generated: tree -->\n<!-- end -->\nb\n"
        "<!-- generated: help pgtrigger -->\noutdated text\n<!-- end -->\nc\n"
    )
    result = readme.rendered(spoiled)
    assert readme.outside(result) == readme.outside(spoiled) == ["a\n", "\nb\n", "\nc\n"]
    assert "outdated text" not in result


@pytest.mark.parametrize(
    "text",
    [
        "<!-- end -->",
        "<!-- generated: tree -->\n",
        "<!-- generated: tree -->\n<!-- end -->\n<!-- end -->",
        "<!-- generated: tree -->\n<!-- generated: tree -->\n<!-- end -->\n<!-- end -->",
    ],
)
def test_markers_that_do_not_alternate_are_an_error(text):
    with pytest.raises(ValueError, match="in turn"):
        readme.rendered(text)


def test_every_subcommand_is_named():
    parser = load_command_class("pgtrigger", "pgtrigger").create_parser("manage.py", "pgtrigger")
    (commands,) = (a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    text = (readme.ROOT / "docs/rules/declaring.md").read_text()
    assert [name for name in commands if f"pgtrigger {name}" not in text] == []


def test_the_make_targets_are_those_it_names():
    text = "".join((readme.ROOT / name).read_text() for name in ("Makefile", "tutorial/targets.mk"))
    targets = set(re.findall(r"^\.PHONY: ([\w-]+)$", text, re.MULTILINE)) - {"help"}
    assert targets <= set(re.findall(r"\bmake ([\w-]+)", TEXT))


def test_every_file_it_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert [link for link in links if not (readme.ROOT / link).exists()] == []
