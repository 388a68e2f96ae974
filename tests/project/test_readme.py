"""The README tells the truth, as far as a test can tell."""

import re
import shutil
import subprocess

import pytest

from tests.project import readme

TEXT = readme.README.read_text()


def test_what_it_shows_of_the_project_is_the_project():
    assert readme.rendered(TEXT) == TEXT, "Run: python -m tests.project.readme"


@pytest.mark.skipif(shutil.which("git") is None, reason="git, which lists the files, is not here")
def test_every_room_is_in_its_tree_and_is_there():
    assert [name for name in readme.ROOMS if not (readme.ROOT / name).exists()] == []
    listed = subprocess.run(
        ["git", "ls-files"], cwd=readme.ROOT, capture_output=True, text=True, check=True
    )
    folders = {f"{path.partition('/')[0]}/" for path in listed.stdout.split("\n") if "/" in path}
    assert {name for name in folders if not name.startswith(".")} <= set(readme.ROOMS)


def test_the_make_targets_are_those_it_names():
    text = "".join((readme.ROOT / name).read_text() for name in ("Makefile", "tutorial/targets.mk"))
    targets = set(re.findall(r"^\.PHONY: (\w+)$", text, re.MULTILINE)) - {"help"}
    assert targets <= set(re.findall(r"\bmake (\w+)", TEXT))


def test_every_file_it_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert [link for link in links if not (readme.ROOT / link).exists()] == []
