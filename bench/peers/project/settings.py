"""A project that runs with either packages: these libraries, or django-pgtrigger and -pghistory."""

import json
import os

SECRET_KEY = "compared"
USE_TZ = True
DATABASES = {"default": json.loads(os.environ["PEERS_DATABASE"])}
INSTALLED_APPS = [
    "pgtrigger",
    "pghistory",
    "pghistory.admin",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "shop",
    "crowd",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["*"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# What Events pages show by default is the same for both.
PGHISTORY_ADMIN_ALL_EVENTS = True
