"""Write declarations into migrations.

Migrations of django-pgtrigger 4.0 to 4.4 contain declarations, which ``squashmigrations`` writes
again.

https://docs.djangoproject.com/en/stable/topics/migrations/#adding-a-deconstruct-method
"""

from __future__ import annotations

from typing import Any, Self

PACKAGE = "pgtrigger"


class Deconstructible:
    """Remembers the arguments that it was made with."""

    _constructor_arguments: tuple[tuple[Any, ...], dict[str, Any]]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made = super().__new__(cls)
        object.__setattr__(made, "_constructor_arguments", (args, kwargs))
        return made

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the path of the class and the arguments, as a migration writes them."""
        args, kwargs = self._constructor_arguments
        return documented_path(type(self)), list(args), dict(kwargs)


def documented_path(class_: type) -> str:
    """Return where a migration imports a class from: ``pgtrigger.Protect`` for one of this package.

    The modules of the package may change, its public names do not.
    """
    is_ours = class_.__module__.startswith(f"{PACKAGE}.")
    return f"{PACKAGE if is_ours else class_.__module__}.{class_.__qualname__}"
