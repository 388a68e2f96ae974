"""``python -m project.eject shop``: eject in this folder. ``make eject`` runs it."""

import sys
from pathlib import Path

from project.eject import CannotEject, check, eject

ROOT = Path(__file__).resolve().parents[2]
NEXT = """\
The tutorial is removed, and {app}/ is your app. `git diff --stat` shows what changed.
README.md says what to read next.

    make reset    deletes the tutorial's tables from the development database
    make test     the tests, with those in tests/{app}/
    make demo     the site
"""


def main(arguments: list[str]) -> None:
    """Eject, and print what to do next. Exit with 1 if it cannot be done, and change nothing."""
    (app,) = arguments
    try:
        check(ROOT, app)
        eject(ROOT, app)
    except CannotEject as error:
        sys.exit(str(error))
    print(NEXT.format(app=app), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
