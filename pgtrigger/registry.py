"""The path that public code imports ``register`` and ``registered`` from."""

from pgtrigger.triggers.registry import register, registered

__all__ = ["register", "registered"]
