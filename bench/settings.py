"""The settings with the engines and Django's admin alone, in a database that goes at the end."""

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
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "bench",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
ALLOWED_HOSTS = ["testserver"]
SECURE_SSL_REDIRECT = False
ROOT_URLCONF = "bench.urls"
