"""The ``PGTRIGGER_*`` settings, each with its default and what it decides."""

from django.conf import settings


def install_on_migrate() -> bool:
    """Return whether every ``migrate`` ends by installing all triggers, migrated or not."""
    return bool(getattr(settings, "PGTRIGGER_INSTALL_ON_MIGRATE", False))


def migrations() -> bool:
    """Return whether ``makemigrations`` writes triggers into migrations."""
    return bool(getattr(settings, "PGTRIGGER_MIGRATIONS", True))


def model_meta() -> bool:
    """Return whether a model's ``Meta`` may have ``triggers``."""
    return bool(getattr(settings, "PGTRIGGER_MODEL_META", True))


def prune_on_install() -> bool:
    """Return whether an install of everything removes what is no longer declared."""
    return bool(getattr(settings, "PGTRIGGER_PRUNE_ON_INSTALL", True))


def roles() -> dict[str, str]:
    """The roles whose privileges every ``migrate`` completes: ``{"app": …, "read_only": …}``.

    ``manage.py pgtrigger roles`` takes its defaults from here, also ``"owner"``.
    """
    return dict(getattr(settings, "PGTRIGGER_ROLES", {}))


def schema_editor() -> bool:
    """Return whether Django's schema editor sets triggers aside while it alters their columns."""
    return bool(getattr(settings, "PGTRIGGER_SCHEMA_EDITOR", True))
