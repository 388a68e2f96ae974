"""The place of the history's admin among a project's apps."""

import subprocess
import sys

import pytest

# As a project starts: which admin the events have, what the checks say, and how many buttons.
PROJECT = """
import sys
from tests import library_settings as settings
settings.INSTALLED_APPS, settings.PGHISTORY_ADMIN_CLASS = sys.argv[1].split(), sys.argv[2]
settings.ROOT_URLCONF = "tests.pghistory.urls"
settings.AUTH_USER_MODEL = "auth.User"
import django
django.setup()
from types import SimpleNamespace
from django.contrib import admin
from django.core import checks
from django.template.loader import render_to_string
from pghistory.models import Events
from tests.pghistory.models import Book
print(type(admin.site.get_model_admin(Events)).__name__)
print([each.id for each in checks.run_checks(tags=["admin"]) if "pghistory" in each.id])
user = SimpleNamespace(has_perm=lambda name: True)
context = dict(original=Book(pk=1), opts=Book._meta, request=SimpleNamespace(user=user))
print(render_to_string("admin/change_form_object_tools.html", context).count("Events"))
"""
DJANGO = "django.contrib.auth django.contrib.contenttypes django.contrib.messages"
OWN = "tests.pghistory.admin.OwnEventsAdmin"
STOCK = "pghistory.admin.EventsAdmin"


def started(apps, admin_class=STOCK):
    command = [sys.executable, "-c", PROJECT, f"pgtrigger {apps} {DJANGO}", admin_class]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.split("\n")[:3]


@pytest.mark.parametrize(
    "apps",
    [
        "pghistory django.contrib.admin tests.pghistory",
        "pghistory.admin django.contrib.admin pghistory tests.pghistory",
        "pghistory.admin pghistory django.contrib.admin tests.pghistory",
    ],
)
def test_above_djangos_admin_there_is_a_button(apps):
    assert started(apps) == ["EventsAdmin", "[]", "1"]


def test_below_djangos_admin_a_check_says_that_there_is_none():
    apps = "django.contrib.admin pghistory pghistory.admin tests.pghistory"
    assert started(apps) == ["EventsAdmin", "['pghistory.W001']", "0"]


def test_a_project_that_does_not_name_the_admins_app_asks_for_no_button():
    assert started("django.contrib.admin pghistory tests.pghistory") == ["EventsAdmin", "[]", "0"]


@pytest.mark.parametrize(
    "apps",
    [
        "tests.pghistory pghistory django.contrib.admin",
        "tests.pghistory pghistory.admin django.contrib.admin pghistory",
        "pghistory django.contrib.admin tests.pghistory",
    ],
)
def test_a_projects_own_admin_class_may_be_in_any_app(apps):
    assert started(apps, OWN) == ["OwnEventsAdmin", "[]", "1"]
