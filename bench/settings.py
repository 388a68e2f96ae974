"""The project's settings with the engines alone, in a database that goes when the run ends."""

from project.settings import *  # noqa: F403
from project.settings import DATABASES

DEBUG = False
DATABASES = {
    alias: {
        **database,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"NAME": f"bench_{database['NAME']}", "MIGRATE": False},
    }
    for alias, database in DATABASES.items()
}
INSTALLED_APPS = [
    "project",
    "pgtrigger",
    "pghistory",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "bench",
]
MIDDLEWARE = []
ROOT_URLCONF = None
