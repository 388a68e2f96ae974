"""The project's settings, in a database of the benchmarks' own that goes when they end."""

from project.settings import *  # noqa: F403
from project.settings import DATABASES, INSTALLED_APPS

DEBUG = False
DATABASES = {
    alias: {
        **database,
        "CONN_HEALTH_CHECKS": False,
        "TEST": {"NAME": f"bench_{database['NAME']}", "MIGRATE": False},
    }
    for alias, database in DATABASES.items()
}
INSTALLED_APPS = [*INSTALLED_APPS, "bench"]
