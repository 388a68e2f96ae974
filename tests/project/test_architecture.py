"""ARCHITECTURE.md lists every Note, every part of the engines, and the imports between them."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "ARCHITECTURE.md").read_text()
INDEX = dict(re.findall(r"^\| \[(.+?)\] \| `(.+?)` \|$", TEXT, re.MULTILINE))


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


@pytest.mark.parametrize("package", ["pgtrigger", "pghistory", "integrity"])
def test_the_imports_between_the_parts_of_a_package_are_counted_right(package):
    graph = pytest.importorskip("grimp").build_graph(
        package, exclude_type_checking_imports=True, cache_dir=None
    )
    parts = {module.split(".")[1] for module in graph.modules if "." in module}
    imports = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in importer and "." in imported
    }
    between = [pair for pair in imports if pair[0] != pair[1]]
    [row] = re.findall(rf"^\| `{package}` \| .* \| (\d+) parts, (\d+) imports", TEXT, re.MULTILINE)
    assert row == (str(len(parts)), str(len(between)))


@pytest.mark.parametrize("package", ["pgtrigger", "pghistory"])
def test_the_layers_of_a_package_are_those_that_import_linter_checks(package):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [layers] = [
        each["layers"] for each in contracts["contracts"] if each.get("containers") == [package]
    ]
    checked = {name for layer in layers for name in layer.split(" | ")} - {"migrations"}
    section = TEXT.partition(f"`{package}`, from top to bottom:")[2].partition("\n\n`")[0]
    table = section.partition("\n\n")[2].partition("\n\n")[0]
    listed = {
        name.strip("/")
        for line in table.splitlines()
        for name in re.findall(r"`(\w+/?)`", line.split("|")[1])
    }
    assert listed - {"migrations"} == checked
