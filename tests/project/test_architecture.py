"""ARCHITECTURE.md lists every Note, with the module that explains it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INDEX = dict(
    re.findall(
        r"^\| \[(.+?)\] \| `(.+?)` \|$", (ROOT / "ARCHITECTURE.md").read_text(), re.MULTILINE
    )
)


def test_every_note_is_explained_in_the_listed_module():
    for name, module in INDEX.items():
        assert re.search(rf"Note \[{re.escape(name)}\]\.?\s", (ROOT / module).read_text()), name


@pytest.mark.skipif(shutil.which("git") is None, reason="git, which lists the files, is missing")
def test_every_note_is_listed():
    files = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    cited = {
        name
        for file in files
        if "test_architecture" not in file and (ROOT / file).exists()
        for name in re.findall(r"Note \[(.+?)\]", (ROOT / file).read_text())
    }
    assert sorted(cited - INDEX.keys()) == []
