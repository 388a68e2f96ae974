"""The ``PGTRIGGER_*`` settings.

https://docs.djangoproject.com/en/stable/topics/settings/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Callable

Value = TypeVar("Value")


class Setting(Generic[Value]):
    """An attribute that reads one of Django's settings at each access.

    The setting's name is the ``prefix`` of the class that contains the attribute, followed by the
    attribute's name in upper case.

    Args:
        default: the value if the project does not have the setting.
        of: the value must be an instance of this class, or of one of these classes. If the value
            is itself a class, pass ``type``.
        read: converts the value of the setting to the value of the attribute.

    Raises:
        ImproperlyConfigured: when the attribute is read, if the value is not an instance of ``of``.
    """

    def __init__(
        self,
        default: Any,
        *,
        of: type | tuple[type, ...] = object,
        read: Callable[[Any], Value] | None = None,
    ):
        self.default = default
        self.classes = of if isinstance(of, tuple) else (of,)
        self.read = read

    def __set_name__(self, owner: type[SettingsOf], name: str) -> None:
        self.name = owner.prefix + name.upper()

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[Value]: ...
    @overload
    def __get__(self, instance: SettingsOf, owner: type) -> Value: ...
    def __get__(self, instance: SettingsOf | None, owner: type) -> Setting[Value] | Value:
        if instance is None:
            return self
        found = getattr(django_settings, self.name, self.default)
        if not isinstance(found, self.classes):
            expected = " or ".join(_path(each) for each in self.classes)
            raise ImproperlyConfigured(
                f"settings.{self.name}: found {found!r}, expected an instance of {expected}."
            )
        return self.read(found) if self.read else cast("Value", found)


def _path(each: type) -> str:
    """Return the name of a class, with its module unless it is a builtin."""
    is_builtin = each.__module__ == "builtins"
    return each.__qualname__ if is_builtin else f"{each.__module__}.{each.__qualname__}"


class SettingsOf:
    """Base class for the settings of one package. Each attribute is a ``Setting``."""

    prefix = ""


class Settings(SettingsOf):
    """The settings of pgtrigger."""

    prefix = "PGTRIGGER_"

    install_on_migrate = Setting[bool](False, of=bool)
    """At its end, ``migrate`` installs all triggers, including those that are in migrations."""

    migrations = Setting[bool](True, of=bool)
    """``makemigrations`` writes triggers into migrations."""

    model_meta = Setting[bool](True, of=bool)
    """A model's ``Meta`` may have ``triggers``."""

    prune_on_install = Setting[bool](True, of=bool)
    """An install or uninstall of all triggers also removes those that no model declares."""

    roles = Setting[dict[str, str]]({}, of=dict)
    """The roles to which ``migrate`` grants missing privileges: ``{"app": …, "read_only": …}``.

    They are the defaults of ``manage.py pgtrigger roles``, which also reads ``"owner"``.
    """

    schema_editor = Setting[bool](True, of=bool)
    """Before a column is altered, its triggers are dropped; afterwards they are created again."""


settings = Settings()
