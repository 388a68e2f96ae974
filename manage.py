#!/usr/bin/env python
"""Django's command-line utility for this project."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit(
            "Django is not installed for this Python: run `make setup`, then .venv/bin/python."
        )
    from project.errors import CannotStart

    try:
        execute_from_command_line(sys.argv)
    except CannotStart as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
