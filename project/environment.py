"""Settings read from environment variables, refused with a sentence where they make no sense."""

import os

from project.errors import WrongSetting

_FLAGS = {"1": True, "true": True, "yes": True, "on": True} | {
    "0": False,
    "false": False,
    "no": False,
    "off": False,
}


def flag(name: str, *, default: bool) -> bool:
    """Whether the variable says yes; ``default`` where it is unset or empty."""
    value = os.environ.get(name, "")
    if not value:
        return default
    try:
        return _FLAGS[value.lower()]
    except KeyError:
        raise WrongSetting(f"{name} is {value!r}: set it to 1 or 0.") from None


def names(name: str) -> list[str]:
    """The variable's words between commas, stripped; none where it is unset."""
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def secret(name: str, *, development: str | None) -> str:
    """The variable's value, else ``development``'s; with neither, a WrongSetting."""
    value = os.environ.get(name) or development
    if value is None:
        raise WrongSetting(
            f"{name} is not set and DEBUG is off: set {name} to 50 random characters or more,"
            " or DEBUG=1 for development."
        )
    return value
