"""The pages of the reference, generated from the code."""

import ast
import importlib
import inspect
import itertools
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from django.core.management import load_command_class

LIBRARIES = ("pgtrigger", "pghistory", "integrity")
# The modules whose names are public, with what they are for.
MODULES = {
    "pgtrigger": "Declare, install and ignore triggers.",
    "pgtrigger.migrations": "Operations and mixins for migrations.",
    "pgtrigger.compiler": "A trigger as frozen SQL, as migrations contain it.",
    "pgtrigger.admin": "Forms and pages of Django's admin that respect rules.",
    "pgtrigger.testing": "Assertions about rules, for tests.",
    "pgtrigger.forms": "Forms that respect rules.",
    "pghistory": "Track models, attach context, read and revert.",
    "pghistory.models": "The models that events and contexts are read with.",
    "pghistory.middleware": "The context of a request.",
    "pghistory.admin": "History in Django's admin.",
    "integrity.constraints": "Make deferred constraints immediate, and back.",
    "integrity.conversion": "Turn integrity errors into your own exceptions.",
    "integrity.forms": "Refused writes in forms.",
    "integrity.admin": "Refused writes in Django's admin.",
    "integrity.rest": "Refused writes in Django REST framework.",
}
COMMANDS = {
    "pgtrigger": ("pgtrigger",),
    "pghistory": ("pghistory",),
    "integrity": ("integrity",),
}
CONFIGURATION = ("pgtrigger.conf", "pghistory.config")
CHECKS = ("pgtrigger.checks", "pghistory.checks")


def write(folder: Path) -> None:
    """Write all pages of the reference into the folder."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def pages() -> dict[str, str]:
    """Return each page's text by its file name without the suffix."""
    return {
        **{name.replace(".", "-"): _module_page(name, about) for name, about in MODULES.items()},
        "settings": _settings_page(),
        "checks": _checks_page(),
        "commands": _commands_page(),
        "errors": _errors_page(),
    }


def public_names(module: ModuleType) -> list[str]:
    """Return the names that a user may import from the module."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    public = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    package, _, rest = module.__name__.partition(".")
    if not rest:
        return sorted(
            name
            for name, value in public.items()
            if not inspect.ismodule(value)
            and (getattr(value, "__module__", None) or package).startswith(package)
        )
    defined = {name: value for name, value in public.items() if _is_defined(value, package)}
    own = [name for name, value in defined.items() if value.__module__ == module.__name__]
    return sorted(own or defined)


def _is_defined(value: Any, package: str) -> bool:
    """Return whether it is a class or function of the package."""
    is_named = inspect.isclass(value) or inspect.isroutine(value)
    return is_named and str(value.__module__).startswith(package)


def _module_page(name: str, about: str) -> str:
    module = importlib.import_module(name)
    parts = [f"# `{name}`\n\n{about}\n"]
    for each in public_names(module):
        value = getattr(module, each)
        parts.append(f"## `{each}`\n\n{_entry(name, each, value)}")
    return "\n".join(parts)


def _entry(module: str, name: str, value: Any) -> str:
    if inspect.isclass(value) or inspect.isroutine(value):
        kind = "class" if inspect.isclass(value) else "function"
        lines = [f".. auto{kind}:: {module}.{name}", "   :no-index:"]
        if inspect.isclass(value) and not issubclass(value, BaseException):
            public = [
                each
                for each, member in vars(value).items()
                if not each.startswith("_")
                and getattr(member, "__doc__", None)
                and (inspect.isroutine(member) or isinstance(member, property))
            ]
            if public:
                lines.append(f"   :members: {', '.join(public)}")
        return "```{eval-rst}\n" + "\n".join(lines) + "\n```\n"
    return f"The value `{value!r}`.\n" if len(repr(value)) < 80 else "A value.\n"


def settings() -> Iterator[tuple[str, str, str]]:
    """Yield each setting's name, its default as source, and its description."""
    for name in CONFIGURATION:
        module = importlib.import_module(name)
        (body,) = (
            each.body
            for each in ast.parse(inspect.getsource(module)).body
            if isinstance(each, ast.ClassDef) and each.name == "Settings"
        )
        for declared, described in itertools.pairwise(body):
            match declared, described:
                case (
                    ast.Assign(targets=[ast.Name(id=attribute)], value=ast.Call(args=[default])),
                    ast.Expr(value=ast.Constant(value=str(text))),
                ):
                    setting = getattr(module.Settings, attribute)
                    yield setting.name, ast.unparse(default), inspect.cleandoc(text)


def _settings_page() -> str:
    parts = ["# Settings\n\nEvery setting of the libraries, with its default.\n"]
    for name, default, about in sorted(set(settings())):
        shown = f"\n\nDefault: `{default}`" if default else ""
        parts.append(f"## `{name}`\n\n{_plain(about)}{shown}\n")
    return "\n".join(parts)


def _checks_page() -> str:
    parts = [
        "# System checks\n\n`manage.py check` runs them; those that read the database run with"
        " `--database default`.\n"
    ]
    for name in CHECKS:
        parts.append(f"## `{name.partition('.')[0]}`\n")
        text = inspect.getdoc(importlib.import_module(name)) or ""
        for entry in re.split(r"\n(?=\w+\.[EWI]\d{3})", text):
            heading, _, about = entry.partition("\n")
            if re.fullmatch(r"\w+\.[EWI]\d{3}", heading.strip()):
                parts.append(f"### `{heading.strip()}`\n\n{_plain(textwrap.dedent(about))}\n")
    return "\n".join(parts)


def command_helps() -> Iterator[tuple[str, str]]:
    """Yield each command with its help, and each subcommand with its own."""
    os.environ["COLUMNS"] = "100"
    for library, names in COMMANDS.items():
        for name in names:
            parser = load_command_class(library, name).create_parser("manage.py", name)
            yield name, parser.format_help()
            for action in parser._actions:
                for sub, subparser in (getattr(action, "_name_parser_map", None) or {}).items():
                    yield f"{name} {sub}", subparser.format_help()


def _commands_page() -> str:
    parts = ["# Commands\n\nThe help of each command of `manage.py`.\n"]
    for name, text in command_helps():
        parts.append(f"## `{name}`\n\n```text\n{text.strip()}\n```\n")
    return "\n".join(parts)


def errors() -> Iterator[tuple[str, type[BaseException]]]:
    """Yield each public exception with its importable name."""
    for name in MODULES:
        module = importlib.import_module(name)
        for each in public_names(module):
            value = getattr(module, each)
            if inspect.isclass(value) and issubclass(value, BaseException):
                yield f"{name}.{each}", value


def _errors_page() -> str:
    parts = [
        "# Errors\n\nA refused write has SQLSTATE 23000 and, in `error.__cause__.diag`, the schema,"
        " table, column, constraint (the rule's name), detail (JSON) and hint.\n"
    ]
    for name, error in errors():
        bases = ", ".join(f"`{base.__name__}`" for base in error.__mro__[1:-2])
        parts.append(f"## `{name}`\n\nIs a: {bases}\n\n{_plain(inspect.getdoc(error) or '')}\n")
    return "\n".join(parts)


def _plain(text: str) -> str:
    """Return a docstring as Markdown: its definition lists become bullet points."""
    text = text.replace("``", "`")
    return re.sub(r"^(`[^\n]+`)\n    ", r"- \1: ", text, flags=re.MULTILINE)


if __name__ == "__main__":
    raise SystemExit("Run `make docs`.")
