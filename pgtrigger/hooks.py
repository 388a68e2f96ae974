"""All hooks into Django's internals. Each is idempotent and documents why it is needed."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.management.commands import flush
from django.db import DatabaseError, connections
from django.db.backends.signals import connection_created
from django.db.migrations import Migration, state
from django.db.migrations.operations import CreateModel, RenameField, RenameModel
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.models import Field, ForeignObject, options
from django.db.models.signals import class_prepared, post_migrate
from django.db.utils import DatabaseErrorWrapper

from pgtrigger import errors
from pgtrigger.conf import settings
from pgtrigger.migrating import renaming, running, settling, through_proxies
from pgtrigger.migrating.post_migrate import grant_after_migrate, install_unmigrated
from pgtrigger.migrating.schema_editor import DatabaseSchemaEditorMixin
from pgtrigger.session import loading, scopes
from pgtrigger.session.synchronizer import Synchronizer
from pgtrigger.triggers import registry, written
from pgtrigger.vocabulary.row_query import IsDistinctFrom, IsNotDistinctFrom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import Model


def before_models_load() -> None:
    """Install the hooks that model classes need while they are created."""
    _accept_meta_triggers()
    _register_lookups()
    class_prepared.connect(_register_meta_triggers, dispatch_uid="pgtrigger.meta")


def after_models_load() -> None:
    """Install the hooks of connections and migrations, and compile every trigger if DEBUG is on.

    Compiling 5,000 triggers takes longer than loading their models, and ``checks`` does it before
    each command, so that a deployed process does not repeat it at each start.
    """
    connection_created.connect(_equip_connection, dispatch_uid="pgtrigger.connection")
    post_migrate.connect(
        install_unmigrated,
        sender=apps.get_app_config("pgtrigger"),
        dispatch_uid="pgtrigger.unmigrated",
    )
    post_migrate.connect(
        grant_after_migrate,
        sender=apps.get_app_config("pgtrigger"),
        dispatch_uid="pgtrigger.privileges",
    )
    _follow_migrations()
    _follow_renamings()
    _follow_through_models()
    _settle_triggers()
    written.install_hooks()
    _flush_under_any_rule()
    if settings.schema_editor:
        _extend_schema_editors()
    if django_settings.DEBUG:
        for model, trigger in registry.registered():
            trigger.compile(model)


def _accept_meta_triggers() -> None:
    """Add ``triggers`` to the names that ``Meta`` accepts; Django offers no other way.

    The names that a migration's state copies from ``Meta`` stay as they were: the state contains
    compiled triggers, which only operations may add. A setting that forbids triggers in ``Meta``
    changes nothing here.
    """
    if "triggers" not in options.DEFAULT_NAMES:
        vars(state)["DEFAULT_NAMES"] = options.DEFAULT_NAMES
        options.DEFAULT_NAMES = (*options.DEFAULT_NAMES, "triggers")


def _register_lookups() -> None:
    """Register ``df`` and ``ndf``; foreign keys do not use the lookups of other fields."""
    for field_class in (Field, ForeignObject):
        field_class.register_lookup(IsDistinctFrom)
        field_class.register_lookup(IsNotDistinctFrom)


def _register_meta_triggers(sender: type[Model], **kwargs: Any) -> None:
    """Register the triggers of each class that Django has prepared, unless it is a migration's."""
    if isinstance(sender._meta.apps, state.StateApps) or sender._meta.swapped:
        return
    triggers = list(getattr(sender._meta, "triggers", ()))
    if triggers and not settings.model_meta:
        raise TypeError(
            f"{sender._meta.label} has triggers in its Meta, and PGTRIGGER_MODEL_META is False. "
            "Declare them with pgtrigger.register(), or change the setting."
        )
    try:
        for trigger in triggers:
            trigger.register(sender)
    except Exception:
        registry.remove_all(sender)  # Django does not have the model either
        raise
    if apps.models_ready and triggers and sender._meta.apps is apps:
        # Its relations are resolved only after this signal.
        key = (sender._meta.app_label, str(sender._meta.model_name))
        apps.lazy_model_operation(_compile_all, key)


def _compile_all(model: type[Model]) -> None:
    """Compile the model's triggers together: a rule may depend on the others."""
    declared = list(registry.of_model(model))
    try:
        for trigger in declared:
            trigger.compile(model)
    except Exception:
        registry.remove_all(model)
        raise


def _equip_connection(connection: Any, **kwargs: Any) -> None:
    """Give each connection the transaction variables and the rules' exceptions.

    Django translates the driver's errors through ``wrap_database_errors``, a cached property of
    the connection, so the connection's own is replaced.
    """
    if connection.vendor != "postgresql":
        return
    connection.wrap_database_errors = TriggerErrorWrapper(connection)
    creation = connection.creation
    if not hasattr(creation.deserialize_db_from_string, "__wrapped__"):
        creation.deserialize_db_from_string = _loading(connection)
    synchronizer = Synchronizer.of(connection)
    if synchronizer is None:
        synchronizer = Synchronizer.attach(connection)
        _follow_transactions(connection, synchronizer)
    driver = connection.connection
    if not issubclass(driver.cursor_factory, _FlushingCursor):  # a pool may have had it before
        driver.cursor_factory = _flushing(driver.cursor_factory)


def _flush_under_any_rule() -> None:
    """Keep TRUNCATE triggers from firing for ``flush``, which ends each TransactionTestCase.

    A ``flush`` command in this app would be hidden by ``TransactionTestCase.available_apps``, and
    by an app that has its own ``flush``.
    """
    handle = flush.Command.handle
    if hasattr(handle, "__wrapped__"):
        return

    @functools.wraps(handle)
    def handle_without_triggers(command: flush.Command, **options: Any) -> None:
        with loading.without(loading.truncate_triggers(), options["database"]):
            handle(command, **options)

    flush.Command.handle = handle_without_triggers  # type: ignore[assignment, method-assign]


def _loading(connection: BaseDatabaseWrapper) -> Callable[[str], None]:
    """Keep triggers from firing while a test with ``serialized_rollback`` loads its data.

    https://docs.djangoproject.com/en/stable/topics/testing/overview/#rollback-emulation
    """
    load = connection.creation.deserialize_db_from_string

    @functools.wraps(load)
    def load_without_triggers(data: str) -> None:
        with loading.without(registry.registered(), connection.alias):
            load(data)

    return load_without_triggers


def _follow_transactions(connection: BaseDatabaseWrapper, synchronizer: Synchronizer) -> None:
    """Send the variables when Django begins a transaction, and forget them when it ends."""
    set_autocommit, commit, rollback = (
        connection.set_autocommit,
        connection.commit,
        connection.rollback,
    )

    @functools.wraps(set_autocommit)
    def set_autocommit_and_flush(autocommit: bool, *args: Any, **kwargs: Any) -> None:
        set_autocommit(autocommit, *args, **kwargs)
        if autocommit:
            synchronizer.forget()
        else:
            try:
                synchronizer.flush()
            except DatabaseError:
                # Django would treat this connection as being under manual transaction management.
                connection.close()
                raise

    @functools.wraps(commit)
    def flush_and_commit() -> None:
        synchronizer.flush_before_commit()
        commit()
        synchronizer.forget()

    @functools.wraps(rollback)
    def roll_back_and_forget() -> None:
        rollback()
        synchronizer.forget()

    vars(connection).update(
        set_autocommit=set_autocommit_and_flush,
        commit=flush_and_commit,
        rollback=roll_back_and_forget,
    )


class _FlushingCursor:
    """A driver's cursor that sends the variables before COPY and callproc.

    These bypass execute wrappers and, with autocommit off, may begin a transaction.
    """

    connection: Any

    @contextlib.contextmanager
    def copy(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with scopes.transaction(self.connection), super().copy(*args, **kwargs) as copy:  # type: ignore[misc]
            yield copy

    def callproc(self, *args: Any, **kwargs: Any) -> Any:
        with scopes.transaction(self.connection):
            return super().callproc(*args, **kwargs)  # type: ignore[misc]


@functools.cache
def _flushing(cursor_class: type) -> type:
    return type(cursor_class.__name__, (_FlushingCursor, cursor_class), {})


class TriggerErrorWrapper(DatabaseErrorWrapper):
    """Django's translation of the driver's errors, with the rules' own exceptions first.

    Like Django for an integrity error, it leaves ``errors_occurred`` alone: the connection is fine.
    """

    wrapper: Any

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is not None and issubclass(exc_type, self.wrapper.Database.Error):
            translated = errors.translate(exc_value, registry.declared)  # type: ignore[arg-type]
            if translated is not None:
                raise translated.with_traceback(traceback) from exc_value
        super().__exit__(exc_type, exc_value, traceback)


def _follow_migrations() -> None:
    """Let code in a migration name triggers of that time; Django sends no signal per migration."""
    if not hasattr(Migration.apply, "__wrapped__"):
        Migration.apply = running.applying(Migration.apply)  # type: ignore[method-assign]
        Migration.unapply = running.unapplying(Migration.unapply)  # type: ignore[method-assign]


def _follow_renamings() -> None:
    """Django's optimizer leaves relations to a renamed model as they were: see ``renaming``."""
    for operation in renaming.REFERRING:
        if not hasattr(operation.reduce, "__wrapped__"):
            operation.reduce = renaming.following(operation.reduce)  # type: ignore[method-assign]


def _follow_through_models() -> None:
    """Keep proxies of automatic models in migrations, which Django ignores: ``through_proxies``."""
    for operation in (RenameModel, RenameField):
        if not hasattr(operation.state_forwards, "__wrapped__"):
            operation.state_forwards = through_proxies.following(  # type: ignore[method-assign]
                operation.state_forwards
            )
    if not hasattr(CreateModel.references_model, "__wrapped__"):
        CreateModel.references_model = through_proxies.referring(  # type: ignore[method-assign]
            CreateModel.references_model
        )


def _settle_triggers() -> None:
    """Operations on triggers would keep the optimizer from folding others: see ``settling``."""
    if not hasattr(MigrationOptimizer.optimize, "__wrapped__"):
        MigrationOptimizer.optimize = settling.settling(  # type: ignore[method-assign]
            MigrationOptimizer.optimize
        )


def _extend_schema_editors() -> None:
    """Extend the class of schema editors; it is an attribute of the backend, without a signal."""
    for alias in connections:
        backend = type(connections[alias])
        editor = backend.SchemaEditorClass
        if backend.vendor != "postgresql" or editor is None:
            continue
        if not issubclass(editor, DatabaseSchemaEditorMixin):
            backend.SchemaEditorClass = type(
                editor.__name__, (DatabaseSchemaEditorMixin, editor), {}
            )
