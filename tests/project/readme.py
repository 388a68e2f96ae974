"""The generated blocks of README and pages: ``python -m tests.project.readme`` updates them.

A block stands between ``<!-- generated: PART ARGUMENT -->`` and ``<!-- end -->``. Text outside the
blocks is never touched.
"""

import ast
import importlib
import inspect
import os
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = (README, ROOT / "ARCHITECTURE.md", ROOT / "docs/rules/declaring.md")

# The files and folders at the top, with their purpose. A test compares the names with git's.
ENTRIES = {
    "pgtrigger/": "the trigger engine: rules declared on models",
    "pghistory/": "the history engine, built on pgtrigger: events, context, timelines, revert",
    "integrity/": "deferred constraints and refined integrity errors",
    "tutorial/": "the demo site: models, scenarios, pages, admin, walkthrough",
    "project/": "the Django project: settings, URLs, user model, embedded database",
    "tests/": "a folder per package above",
    "docs/": "documentation",
    "bench/": "benchmarks and their results",
    "proof/": "runs that show what this page claims, such as faults under eight writers",
    "life/": "long tests: migrations of other projects, and a take-over",
    "deploy/": "scripts that the image and the compose file run",
    "manage.py": "Django's commands",
    "ARCHITECTURE.md": "how a rule and a tracked write pass through the code",
    "Makefile": "the commands of this page",
    "Dockerfile": "the image, and its test stage",
    "docker-compose.yml": "the site with its database",
    "requirements.txt": "the packages to run the site, pinned; two more files for tests and checks",
    "pyproject.toml": "the settings of pytest, ruff, mypy and import-linter",
}

_START = r"<!-- generated: (\w+)(?: ([^>\n]+?))? -->\n"
_END = r"<!-- end -->"
_BLOCK = re.compile(rf"({_START}).*?({_END})", re.DOTALL)
_MARKER = re.compile(rf"{_START}|{_END}")


def rendered(text: str) -> str:
    """Return the text with every generated block up to date.

    Raises:
        ValueError: If start and end markers do not alternate.
    """
    starts = [marker[1] is not None for marker in _MARKER.finditer(text)]
    if starts != [True, False] * (len(starts) // 2):
        raise ValueError("Each generated block needs one start and one end marker, in turn.")
    return _BLOCK.sub(lambda m: f"{m[1]}{_PARTS[m[2]](m[3] or '')}\n{m[4]}", text)


def outside(text: str) -> list[str]:
    """Return the pieces of text outside the generated blocks."""
    return _BLOCK.split(text)[:: _BLOCK.groups + 1]


def _source(path: str) -> str:
    module, _, name = path.rpartition(".")
    source = inspect.getsource(getattr(importlib.import_module(module), name))
    return f"```python\n{source.rstrip()}\n```"


def _scenario(name: str) -> str:
    module = importlib.import_module(f"tutorial.scenarios.{name}")
    body = textwrap.dedent(inspect.getsource(module.run).partition("\n")[2])
    printed = Path(module.__file__ or "").with_suffix(".out").read_text()
    return f"```python\n{body.rstrip()}\n```\n\nprints\n\n```text\n{printed.rstrip()}\n```"


def _tree(_: str) -> str:
    entries = []
    for name, purpose in ENTRIES.items():
        entries.append((name, purpose))
        if name in ("pgtrigger/", "pghistory/"):
            entries += [(f"  {child}/", text) for child, text in subpackages(name).items()]
    width = max(len(name) for name, _ in entries)
    lines = [f"{name:<{width}}   {text}" for name, text in entries]
    return "\n".join(["```text", *lines, "```"])


def subpackages(package: str) -> dict[str, str]:
    """Return the subpackages with the first sentence of their docstrings."""
    purposes = {}
    for path in sorted((ROOT / package).glob("*/__init__.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text()))
        if docstring:
            purposes[path.parent.name] = docstring.partition("\n")[0].rstrip(".")
    return purposes


def _help(command: str) -> str:
    from django.core.management import get_commands, load_command_class

    parser = load_command_class(get_commands()[command], command).create_parser(
        "manage.py", command
    )
    return f"```text\n{(parser.epilog or '').rstrip()}\n```"


_PARTS = {"source": _source, "scenario": _scenario, "tree": _tree, "help": _help}


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    for page in PAGES:
        page.write_text(rendered(page.read_text()))
