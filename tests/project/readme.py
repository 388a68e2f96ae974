"""What the README shows of the project: ``python -m tests.project.readme`` writes it anew."""

import importlib
import inspect
import os
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

# The tree, with what each room is for. A room that is not here, or no longer there, fails a test.
ROOMS = {
    "pgtrigger/": "the trigger engine: rules declared on models, compiled, migrated, inspected",
    "pghistory/": "history on that engine: events, context, timelines, revert",
    "integrity/": "deferred constraints, refined integrity errors, the admin's refusals",
    "tutorial/": "the demo site: models, scenarios, pages, admin, walkthrough",
    "project/": "settings, urls, wsgi, the embedded database",
    "tests/": "a folder per package above",
    "docs/": "documentation, and the pictures of this page",
    "bench/": "the benchmarks, and what they printed",
    "life/": "other people's migrations, and a project that is taken over",
    "deploy/": "what the image and the compose file run",
    "manage.py": "Django's commands",
    "Makefile": "the commands of this page",
    "Dockerfile": "the image, and its test stage",
    "docker-compose.yml": "the site with its database",
    "requirements.txt": "what runs, pinned; what tests and checks is in the other two",
    "pyproject.toml": "the settings of pytest, ruff, mypy and import-linter",
}

_BLOCK = re.compile(r"(<!-- generated: (\w+) ?(.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def rendered(text: str) -> str:
    """The README with what is generated in it as it has to be."""
    return _BLOCK.sub(lambda m: f"{m[1]}{_PARTS[m[2]](m[3])}\n{m[4]}", text)


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
    width = max(map(len, ROOMS))
    lines = [f"{name:<{width}}   {text}" for name, text in ROOMS.items()]
    return "\n".join(["```text", *lines, "```"])


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
    README.write_text(rendered(README.read_text()))
