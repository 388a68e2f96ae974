"""Settings of a generated project: the product's own, and the engines if they are asked for."""

import json
import os
from importlib.util import find_spec
from pathlib import Path

from product import *  # noqa: F403
from product import INSTALLED_APPS

FOLDER = Path(__file__).parent
SECRET_KEY = "a generated project"
DEBUG = False
USE_TZ = True
SITE_ID = 1
ALLOWED_HOSTS = ["*"]
DATABASES = {"default": json.loads(os.environ["LIFE_DATABASE"])}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

if find_spec("pgtrigger"):
    INSTALLED_APPS = [*INSTALLED_APPS, "pgtrigger", "pghistory", "integrity"]
if os.environ.get("LIFE_RULES"):
    # The project has the migrations of the apps that get rules, as pghistory.W002 advises.
    INSTALLED_APPS = [*INSTALLED_APPS, "rules"]
    MIGRATION_MODULES = {
        folder.name: f"third_party.{folder.name}.migrations"
        for folder in (FOLDER / "third_party").iterdir()
        if (folder / "migrations").is_dir()
    }
