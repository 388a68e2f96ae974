"""The three libraries as a wheel, installed in a project outside this repository."""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from tests.project.conftest import database_url

pytestmark = pytest.mark.django_db

LIBRARIES = ("pgtrigger", "pghistory", "integrity")
SETTINGS = """
import dj_database_url, os
SECRET_KEY = "test"
INSTALLED_APPS = [
    "pgtrigger", "pghistory", "integrity", "django.contrib.contenttypes", "django.contrib.auth",
    "shop",
]
DATABASES = {"default": dj_database_url.parse(os.environ["DATABASE_URL"])}
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""
MODELS = """
from django.db import models
import pghistory, pgtrigger

@pghistory.track()
class Order(models.Model):
    number = models.IntegerField(unique=True)

    class Meta:
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]
"""
USE = """
from django.core.management import call_command
import pgtrigger
from integrity import conversion
from shop.models import Order

class Taken(Exception): ...

order = Order.objects.create(number=1)
try:
    order.delete()
except pgtrigger.ProtectedError as error:
    print(str(error).splitlines()[0])
try:
    with conversion.refine_integrity_error([(conversion.Unique(Order, ("number",)), Taken)]):
        Order.objects.create(number=1)
except Taken:
    print("taken")
print(order.events.count(), "event")
call_command("pgtrigger", "check")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: setuptools writes into the folder that it builds."""
    copy = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(settings.BASE_DIR / name, copy)
    for name in LIBRARIES:
        shutil.copytree(
            settings.BASE_DIR / name, copy / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    target = tmp_path_factory.mktemp("wheel")
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, "-m", *command, "--wheel-dir", target, copy], check=True)
    (built,) = target.glob("*.whl")
    return built


def test_it_contains_every_file_of_the_libraries_and_no_other_package(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = {
        str(path.relative_to(settings.BASE_DIR))
        for name in LIBRARIES
        for path in (settings.BASE_DIR / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == files


@pytest.fixture
def url() -> Iterator[str]:
    """The URL of an empty database."""
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute("CREATE DATABASE installed_wheel")
        yield database_url("installed_wheel")
        server.execute("DROP DATABASE installed_wheel WITH (FORCE)")


def test_a_type_checker_sees_the_annotations_of_each_library(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{library}/py.typed" for library in LIBRARIES} <= names


def test_another_project_uses_them(wheel: Path, url: str, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = ["pip", "install", "--quiet", "--no-deps", "--no-index", "--target", site, wheel]
    subprocess.run([sys.executable, "-m", *install], check=True)
    folder = tmp_path / "other"
    (folder / "shop").mkdir(parents=True)
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "shop/__init__.py").touch()
    (folder / "shop/models.py").write_text(MODELS)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "settings",
        "DATABASE_URL": url,
        "PYTHONPATH": f"{folder}{os.pathsep}{site}",
    }

    def manage(*arguments: str) -> str:
        command = [sys.executable, "-W", "error", "-m", "django", *arguments]
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    assert "Create trigger keep on model order" in manage("makemigrations", "shop")
    manage("migrate", "--verbosity", "0")
    assert "site" in manage("shell", "-v0", "-c", "import pgtrigger; print(pgtrigger.__file__)")
    assert manage("shell", "-v0", "-c", USE).splitlines()[:3] == [
        "pgtrigger: Cannot delete rows from shop_order table",
        "taken",
        "1 event",
    ]
