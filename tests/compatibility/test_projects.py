"""Projects outside this repository that do not have one of the apps."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = """
SECRET_KEY = "secret"
DEBUG = {debug!r}
INSTALLED_APPS = {apps!r}
DATABASES = {{"default": {{"ENGINE": "django.db.backends.postgresql", "NAME": "none"}}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
REGISTERED = """
import pgtrigger
from django.db import models

@pgtrigger.register(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))
class Order(models.Model):
    pass
"""
TRACKED = """
import pghistory
from django.db import models

@pghistory.track({options})
class Order(models.Model):
    pass
"""
META = """
import pgtrigger
from django.db import models

class Order(models.Model):
    class Meta:
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]
"""
MISFIT = """
import pgtrigger
from django.db import models

class Order(models.Model):
    class Meta:
        triggers = [pgtrigger.ReadOnly(name="final", fields=["nothing"])]
"""
BASE = ["django.contrib.contenttypes", "django.contrib.auth"]


def check(folder, models, *apps, debug=False):
    """Return the exit code and the output of ``manage.py check`` in a project with these apps."""
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").touch()
    (folder / "shop" / "models.py").write_text(models)
    (folder / "settings.py").write_text(SETTINGS.format(apps=[*BASE, *apps, "shop"], debug=debug))
    path = os.pathsep.join([str(folder), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-m", "django", "check"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return run.returncode, run.stderr


@pytest.mark.parametrize(
    ("models", "apps"),
    [
        (REGISTERED, ["pgtrigger"]),
        (META, ["pgtrigger"]),
        (TRACKED.format(options=""), ["pgtrigger", "pghistory"]),
    ],
)
def test_a_project_with_the_apps_passes(tmp_path, models, apps):
    assert check(tmp_path, models, *apps) == (0, "")


@pytest.mark.parametrize(
    ("models", "apps", "message"),
    [
        (REGISTERED, [], "pgtrigger.E001"),
        (META, [], "invalid attribute(s): triggers"),
        (TRACKED.format(options=""), ["pghistory"], "pgtrigger.E001"),
        (TRACKED.format(options=""), ["pgtrigger"], "isn't in an application in INSTALLED_APPS"),
        (
            TRACKED.format(options="context_field=None"),
            ["pgtrigger"],
            "isn't in an application in INSTALLED_APPS",
        ),
    ],
)
def test_a_project_without_them_is_stopped(tmp_path, models, apps, message):
    status, printed = check(tmp_path, models, *apps)
    assert status
    assert message in printed


class TestATriggerThatDoesNotFitItsModel:
    def test_is_an_error_at_the_start_if_debug_is_on(self, tmp_path):
        status, printed = check(tmp_path, MISFIT, "pgtrigger", debug=True)
        assert status
        assert "has no field named 'nothing'" in printed
        assert "E002" not in printed

    def test_is_found_by_a_system_check_if_debug_is_off(self, tmp_path):
        status, printed = check(tmp_path, MISFIT, "pgtrigger")
        assert status
        assert "(pgtrigger.E002) Trigger shop.Order:final does not fit its model" in printed
        assert "has no field named 'nothing'" in printed
