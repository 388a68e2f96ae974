"""The project's settings with the ledger, whose migrations and pages are the only additions."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "proof.ledger"]
ROOT_URLCONF = "proof.ledger.urls"
