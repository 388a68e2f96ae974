"""Fixtures that the tests of history share with those of triggers."""

from tests.pgtrigger.conftest import app

__all__ = ["app"]
