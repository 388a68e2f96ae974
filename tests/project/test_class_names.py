"""A class name means one thing in a package."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest
from django.conf import settings

ROOT: Path = settings.BASE_DIR
PACKAGES = sorted(
    path.parent.name
    for path in ROOT.glob("*/__init__.py")
    if path.parent.name not in {"bench", "life", "proof", "tests"}
)
# Documented names of Django and of the PyPI packages, and those that scenarios repeat on purpose.
DOCUMENTED = {"Command", "Meta", "Event", "RefusedWritesMixin", "Trigger"}
SHOWN_TO_READERS = {"models", "scenarios", "sandbox_ways"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_class_name_means_one_thing_in_a_package(package: str) -> None:
    modules = defaultdict(list)
    for path in sorted((ROOT / package).rglob("*.py")):
        if {"migrations", "skeleton", *SHOWN_TO_READERS} & {*path.parts, path.stem}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                modules[node.name.lstrip("_")].append(str(path.relative_to(ROOT)))
    assert {
        name: found for name, found in modules.items() if len(found) > 1 and name not in DOCUMENTED
    } == {}
