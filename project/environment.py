"""Read settings from environment variables, or from files that environment variables name."""

import os
import re
from pathlib import Path

from project.errors import WrongSetting

_FLAGS = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}
_DURATION = re.compile(r"0|\d+(ms|s|min|h)")


def text(name: str, default: str = "") -> str:
    """
    Return the variable's value, or ``default`` if it is unset or empty.

    If ``NAME_FILE`` is set instead, return the content of that file without the white space
    around it. Docker and Kubernetes provide secrets as files.

    Raises:
        WrongSetting: Both are set, or the file cannot be read.
    """
    value = os.environ.get(name, "")
    path = os.environ.get(f"{name}_FILE", "")
    if value and path:
        raise WrongSetting(f"{name} and {name}_FILE are both set: unset one of them.")
    if path:
        try:
            value = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise WrongSetting(
                f"{name}_FILE is {path!r}, which cannot be read ({reason}): set it to a file with"
                f" the value of {name}."
            ) from None
    return value or default


def flag(name: str, *, default: bool) -> bool:
    """Return whether the variable is on. Raise WrongSetting if it is neither on nor off."""
    value = text(name)
    if not value:
        return default
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise WrongSetting(f"{name} is {value!r}: set it to 1 or 0.") from None


def number(name: str, *, default: int) -> int:
    """Return the variable as an integer. Raise WrongSetting if it is not zero or more."""
    value = text(name)
    if not value:
        return default
    if not value.isdecimal():
        raise WrongSetting(f"{name} is {value!r}: set it to a whole number, zero or more.")
    return int(value)


def duration(name: str, *, default: str) -> str:
    """
    Return the variable as a duration that PostgreSQL reads, such as ``30s``; ``0`` means unlimited.

    Raise WrongSetting if it is something else.
    https://www.postgresql.org/docs/current/config-setting.html#CONFIG-SETTING-NAMES-VALUES
    """
    value = text(name, default)
    if not _DURATION.fullmatch(value):
        raise WrongSetting(f"{name} is {value!r}: set it to a time such as 500ms, 30s or 0 (none).")
    return value


def choice(name: str, choices: tuple[str, ...], *, default: str) -> str:
    """Return the variable's value. Raise WrongSetting if it is not one of the choices."""
    value = text(name, default)
    if value not in choices:
        raise WrongSetting(f"{name} is {value!r}: set it to one of {', '.join(choices)}.")
    return value


def names(name: str) -> list[str]:
    """Return the variable's items, which commas separate; an empty list if it is unset."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def secret(name: str, *, development: str | None) -> str:
    """Return the variable's value, or ``development``. Raise WrongSetting if there is neither."""
    value = text(name) or development
    if value is None:
        raise WrongSetting(
            f"{name} is not set and DEBUG is off: set {name} to 50 random characters or more,"
            " or DEBUG=1 for development."
        )
    return value
