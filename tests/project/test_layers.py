"""Imports between packages. Every package of the repository is checked, also one that is new."""

import ast
from pathlib import Path

import grimp
import pytest
from django.conf import settings

LIBRARIES = ("pghistory", "pgtrigger", "integrity")
ROOT: Path = settings.BASE_DIR
APPS = [
    path.parent.name
    for path in sorted(ROOT.glob("*/__init__.py"))
    if path.parent.name not in {*LIBRARIES, "project", "tests", "bench", "life", "proof"}
]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    packages = ("project", *LIBRARIES, *APPS)
    return grimp.build_graph(*packages, exclude_type_checking_imports=True)


def imports(graph: grimp.ImportGraph, importer: str, imported: str) -> set[tuple[str, str]]:
    """Return the pairs of modules in which the first package imports the second."""
    return {
        (module, found)
        for module in graph.find_descendants(importer) | {importer}
        for found in graph.find_modules_directly_imported_by(module)
        if found == imported or found.startswith(f"{imported}.")
    }


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("other", [*APPS, "project"])
def test_a_library_imports_neither_an_app_nor_the_project(
    graph: grimp.ImportGraph, library: str, other: str
) -> None:
    assert imports(graph, library, other) == set()


@pytest.mark.parametrize("app", APPS)
def test_an_app_does_not_import_the_project(graph: grimp.ImportGraph, app: str) -> None:
    """Its settings are in django.conf, and its user model is get_user_model()."""
    assert imports(graph, app, "project") == set()


def acts_at_import(path: Path) -> list[str]:
    """Return the calls and the assignments to other objects at the top level of a module."""
    found = []
    for node in ast.parse(path.read_text()).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        if is_call or any(isinstance(each, ast.Attribute | ast.Subscript) for each in targets):
            found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("library", LIBRARIES)
def test_importing_a_module_has_no_side_effect(library: str) -> None:
    """Signals are connected and Django is extended by the `hooks` of an app's `ready()`."""
    # The autodiscovery of Django's admin imports `admin`, so that it registers models.
    paths = [path for path in (ROOT / library).rglob("*.py") if path.parent.name != "admin"]
    assert [act for path in paths for act in acts_at_import(path)] == []
