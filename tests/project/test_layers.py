"""Imports between packages. Every package of the repository is checked, also one that is new."""

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
