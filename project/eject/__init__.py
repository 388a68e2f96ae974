"""
Turn this repository into the beginning of a project: without the tutorial, with one app.

What the project keeps is listed here. Everything else is removed, so that a new file of the
repository stays out until it is listed.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from project.skeleton import check_name, create_app, renamed, tidy

HERE = Path(__file__).parent
KEPT = [
    *(".dockerignore", ".editorconfig", ".gitignore", ".github", ".pre-commit-config.yaml"),
    *("Dockerfile", "docker-compose.yml", "LICENSE", "Makefile", "manage.py", "pyproject.toml"),
    *("requirements.in", "requirements-test.in", "requirements-dev.in"),
    *("requirements.txt", "requirements-test.txt", "requirements-dev.txt"),
    *("deploy", "docs", "integrity", "pghistory", "pgtrigger", "project", "tests"),
]
# Not part of the files, but of the folder that somebody works in.
WORKING = {".git", ".venv", ".postgres", ".env", ".idea", ".vscode", "media", "backups"}
REMOVED = [
    "docs/operations/comparison.md",
    "docs/operations/starting.md",
    "docs/performance",
    "docs/proof.md",
    "docs/screenshots",
    "docs/tour.md",
    "project/eject",
    "tests/proof",
    "tests/tutorial",
    "tests/project/documented.py",
    "tests/project/readme.py",
    "tests/project/test_architecture.py",
    "tests/project/test_docs.py",
    "tests/project/test_documented_code.py",
    "tests/project/test_eject.py",
    "tests/project/test_messages_documented.py",
    "tests/project/test_poolers.py",
    "tests/project/test_readme.py",
    "tests/project/test_wheel.py",
    "tests/project/test_words.py",
]
PAGES = {
    ("index.md", "\nperformance/*\n"): "\n",
    ("index.md", "\nproof\n"): "\n",
    ("index.md", "\ntour\n"): "\n",
    ("index.md", "\noperations/starting\n"): "\n",
    ("conf.py", 'extensions += ["tutorial.sphinx_links"]\n'): "",
    ("index.md", ", then the tutorial: `make demo`"): "",
    (
        "quick-start.md",
        "- The tutorial has a chapter for each kind of rule, with an exercise: `make demo`.\n",
    ): "",
}
# Added to the settings: the application connects as a role that cannot change rules and events.
ROLES = """
# `make roles ARGS=--apply` creates these roles, and `migrate` gives them what new tables need.
# Events are written with the privileges of the owner. See docs/what-a-rule-does-not-stop.md.
PGTRIGGER_ROLES = {"app": "shop_app", "owner": "shop_owner"}
PGHISTORY_DEFINER = True
"""
# What is different in the pyproject.toml of a project that uses the libraries.
PYPROJECT = {
    '"tests.library_settings"': '"tests.settings"',
    'testpaths = ["tests"]': """\
testpaths = ["tests"]
norecursedirs = [  # `make test-libraries` runs these
    "tests/compatibility",
    "tests/integrity",
    "tests/pghistory",
    "tests/pgtrigger",
]""",
    'source = ["pgtrigger", "pghistory", "integrity", "project"]': """\
source = ["."]
omit = ["pgtrigger/*", "pghistory/*", "integrity/*", "tests/*"]""",
    "fail_under = 90\n": "",  # of the tests of the libraries
}
# The parts of pyproject.toml that build the libraries.
BUILD = re.compile(
    r"\[(?:build-system|project|project\.[\w.-]+|tool\.setuptools[\w.-]*)\]\n(?:(?!\n\[).)*\n\n?",
    re.DOTALL,
)
# The types of the tutorial, which mypy checks less strictly than it will check the app.
UNTYPED = re.compile(r"# Scenarios and the documented models.*?\n(?=\[tool\.)", re.DOTALL)

INCLUDED = """
# The targets of the tutorial, for as long as it is here.
-include tutorial/targets.mk
"""


class CannotEject(Exception):
    """The message says what was found and what to do."""


def check(root: Path, app: str) -> None:
    """Raise CannotEject if the name cannot be used, or work is not committed."""
    if not (root / "tutorial").exists():
        raise CannotEject("There is no tutorial here: this project is ejected already.")
    try:
        check_name(app, root)
    except ValueError as error:
        raise CannotEject(str(error)) from None
    found = git(root, "status", "--porcelain")
    if (root / ".git").exists() and found:
        raise CannotEject(
            f"There are changes that are not committed:\n{found}Commit them first, so that git can"
            " undo this."
        )


def git(root: Path, *arguments: str) -> str | None:
    """Return what git prints, or None if git is not installed or does not know the folder."""
    command = ["git", *arguments]
    try:
        ended = subprocess.run(command, cwd=root, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return ended.stdout if ended.returncode == 0 else None


def eject(root: Path, app: str) -> None:
    """Remove the tutorial from ``root``, create the app, and write its first migration."""
    readme = renamed((HERE / "readme.md").read_text(), app)
    workflow = (HERE / "ci.yml").read_text()
    for path in root.iterdir():
        if path.name not in {*KEPT, *WORKING}:
            _remove(path)
    for name in REMOVED:
        _remove(root / name)
    (root / "README.md").write_text(readme)
    (root / ".github/workflows/ci.yml").write_text(workflow)
    (root / "LICENSE").rename(root / "LICENSE-libraries")
    pyproject = root / "pyproject.toml"
    pyproject.write_text(UNTYPED.sub("", BUILD.sub("", pyproject.read_text())))
    for old, new in PYPROJECT.items():
        _edit(pyproject, old, new)
    for name in ("pyproject.toml", "project/settings.py", "project/urls.py"):
        _edit(root / name, "tutorial", app)
    _edit(root / "Makefile", INCLUDED, "")
    with (root / "project/settings.py").open("a") as settings:
        settings.write(ROLES.replace("shop_", f"{app}_"))
    for (page, old), new in PAGES.items():
        _edit(root / "docs" / page, old, new)
    create_app(app, root)
    tidy(root, ["project"])
    _make_migrations(root, app)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    if old not in text:
        raise CannotEject(f"{path} does not mention {old!r}: it was changed, so edit it by hand.")
    path.write_text(text.replace(old, new))


def _make_migrations(root: Path, app: str) -> None:
    """Write the first migration. Django compares it with no database, and warns of that."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    nowhere = {
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere",
        "DEBUG": "1",
        "DJANGO_SETTINGS_MODULE": "project.settings",
    }
    subprocess.run(
        [sys.executable, "-W", "ignore", "manage.py", "makemigrations", "--verbosity", "0", app],
        cwd=root,
        env=environment | nowhere,
        check=True,
    )
