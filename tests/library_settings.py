"""The settings for tests, with the models of the tests of the three libraries."""

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

INSTALLED_APPS = [
    *INSTALLED_APPS,
    "tests.pgtrigger",
    "tests.pgtrigger.migrated",
    "tests.integrity",
    "tests.pghistory",
    "tests.compatibility",
]
