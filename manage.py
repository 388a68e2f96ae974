#!/usr/bin/env python
"""Django's command-line utility for this project."""

import os
import sys
from pathlib import Path

VIRTUAL_ENVIRONMENT = Path(__file__).resolve().parent / ".venv"


def main() -> None:
    """Run the command, under the Python of ``.venv`` if no virtual environment is active."""
    if sys.prefix == sys.base_prefix:
        continue_in_virtual_environment()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        continue_in_virtual_environment()
        sys.exit(f"Django is not installed for {sys.executable}: run `make setup` first.")
    from project.errors import CannotStart

    try:
        execute_from_command_line(sys.argv)
    except CannotStart as error:
        sys.exit(str(error))


def continue_in_virtual_environment() -> None:
    """Replace this process by the same command under ``.venv/bin/python``, if that can be run."""
    python = VIRTUAL_ENVIRONMENT / "bin" / "python"
    inside = Path(sys.prefix).resolve() == VIRTUAL_ENVIRONMENT.resolve()
    if not inside and os.access(python, os.X_OK):
        os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    main()
