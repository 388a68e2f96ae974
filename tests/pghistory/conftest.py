"""Fixtures that the tests of history share with those of triggers."""

from tests.pghistory.dividing import partitioned
from tests.pghistory.processes import stopped
from tests.pgtrigger.conftest import app

__all__ = ["app", "partitioned", "stopped"]
