"""``Trigger``: a declaration that can be registered, installed and inspected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections, router

from pgtrigger.database import catalog
from pgtrigger.database.installer import Installer, connection_to
from pgtrigger.triggers import registry
from pgtrigger.triggers.declaration import Declaration

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import Model


class Undo:
    """The result of an operation that has taken effect; as a context manager, undoes it on exit."""

    def __init__(self, undo: Callable[[], object]):
        self._undo = undo

    def __enter__(self) -> None:
        return None

    def __exit__(self, *exc_info: object) -> None:
        self._undo()


class Trigger(Declaration):
    """A trigger with a function that the user writes. Options may also be attributes of a subclass.

    ``name``
        Unique within the model, at most 47 of ``a-z A-Z 0-9 _ -``.
    ``when``, ``operation``, ``level``, ``timing``, ``referencing``
        The clauses of ``CREATE TRIGGER``.
    ``condition``
        A ``Condition``: the trigger fires if it is true.
    ``func``
        The statements of the function, without BEGIN and END: a text, or a ``Func``.
    ``declare``
        Its variables: ``[("total", "integer")]``.
    ``ignorable``
        False: ``pgtrigger.ignore()`` does not ignore it.
    ``security``, ``search_path``
        ``"DEFINER"`` or ``"INVOKER"``, and a list of schemas, for a body that needs them.
    ``writes``
        The fields of the row that the function sets, so that the instance has the database's value
        after ``save()`` and ``bulk_create()``.

    https://www.postgresql.org/docs/current/plpgsql-trigger.html
    """

    def allow_migrate(self, model: type[Model], database: str | None = None) -> bool:
        """Return whether the routers put this model on that database, and it is PostgreSQL."""
        alias = database or DEFAULT_DB_ALIAS
        return (
            connections[alias].vendor == "postgresql"
            and not model._meta.swapped
            and router.allow_migrate_model(alias, model._meta.concrete_model or model)
        )

    def fires_for_fixture(
        self, model: type[Model], contains: Callable[[type[Model]], bool]
    ) -> bool:
        """Return whether the trigger fires for rows of ``model`` that ``loaddata`` loads.

        Rows of a fixture have the values that triggers wrote to them.

        Args:
            contains: whether the fixture has rows of a model.
        """
        maintained = self.maintains(model)
        return not self.writes and not (maintained and contains(maintained[0]))

    def register(self, *models: type[Model]) -> Undo:
        """Declare the trigger on these models."""
        for model in models:
            registry.add(model, self)
        return Undo(lambda: self.unregister(*models))

    def unregister(self, *models: type[Model]) -> Undo:
        """Remove the declaration on these models."""
        for model in models:
            registry.remove(model, self)
        return Undo(lambda: self.register(*models))

    def install(self, model: type[Model], database: str | None = None) -> Undo:
        """Create the trigger in the database, or bring it up to date."""
        if self.allow_migrate(model, database):
            for owner, each in self._family(model):
                Installer.on(database).install(each.compile(owner))
        return Undo(lambda: self.uninstall(model, database))

    def uninstall(self, model: type[Model], database: str | None = None) -> Undo:
        """Drop the trigger and its function."""
        if self.allow_migrate(model, database):
            for owner, each in self._family(model):
                Installer.on(database).uninstall(each.compile(owner))
        return Undo(lambda: self.install(model, database))

    def enable(self, model: type[Model], database: str | None = None) -> Undo:
        """Let the trigger fire."""
        if self.allow_migrate(model, database):
            for owner, each in self._family(model):
                Installer.on(database).enable(each.compile(owner))
        return Undo(lambda: self.disable(model, database))

    def disable(self, model: type[Model], database: str | None = None) -> Undo:
        """Keep the trigger from firing for any writer."""
        if self.allow_migrate(model, database):
            for owner, each in self._family(model):
                Installer.on(database).disable(each.compile(owner))
        return Undo(lambda: self.enable(model, database))

    def _family(self, model: type[Model]) -> list[tuple[type[Model], Trigger]]:
        own = [(model, each) for each in (self, *self.companions(model))]
        return [*own, *self.companions_elsewhere(model)]

    def get_installation_status(
        self, model: type[Model], database: str | None = None
    ) -> tuple[str, bool | None]:
        """Return ``(INSTALLED | OUTDATED | UNINSTALLED | UNALLOWED, whether it is enabled)``."""
        if not self.allow_migrate(model, database):
            return catalog.UNALLOWED, None
        compiled = self.compile(model)
        snapshot = catalog.read(connection_to(database), compiled.table)
        installed = snapshot.find(compiled.table, compiled.pgid)
        return catalog.status(compiled, installed)

    def format_sql(self, text: str) -> str:
        """Return the statement without blanks around it, and with a semicolon."""
        return text.strip().removesuffix(";") + ";"

    def exec_sql(
        self, text: str, model: type[Model], database: str | None = None, fetchall: bool = False
    ) -> Any:
        """Run a statement if the routers allow the model; with ``fetchall``, return its rows."""
        if not self.allow_migrate(model, database):
            return None
        with connection_to(database).cursor() as cursor:
            cursor.execute(self.format_sql(text))
            return cursor.fetchall() if fetchall else None
