"""Other people's migrations: each product in a project without the engines and in one with them.

plain     the product alone is migrated from an empty database; its schema is what is expected
engines   pgtrigger, pghistory and integrity are installed: the same schema
midway    half of the migrations, then rules on every table, then the rest: the same tables
rules     every model of the product is ruled and tracked; each table is written; and back again
back      every app is migrated to zero, with rules and without: it stops at the same places
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from life import databases, environments

HERE = Path(__file__).parent
LIBRARIES = ("pgtrigger", "pghistory", "integrity")
PSYCOPG = "psycopg[binary]==3.3.9"


@dataclass(frozen=True)
class Product:
    """A distribution on PyPI and what is installed with it; settings are in ``products/``."""

    name: str
    distribution: str
    version: str
    extras: str = ""
    others: tuple[str, ...] = ()

    @property
    def requirements(self) -> tuple[str, ...]:
        return (f"{self.distribution}{self.extras}=={self.version}", *self.others, PSYCOPG)


PRODUCTS = [
    Product("wagtail", "wagtail", "8.0.1"),
    Product("oscar", "django-oscar", "4.2.1", extras="[sorl-thumbnail]"),
    Product(
        "cms",
        "django-cms",
        "5.1.3",
        others=(
            *("djangocms-versioning", "djangocms-alias", "djangocms-text", "djangocms-link"),
            *("djangocms-file", "djangocms-picture", "django-filer"),
        ),
    ),
    Product("allauth", "django-allauth", "65.21.1", extras="[socialaccount,mfa,saml,idp-oidc]"),
    Product("wiki", "wiki", "0.13.0"),
    Product("helpdesk", "django-helpdesk", "2.6.1"),
    Product("djstripe", "dj-stripe", "2.11.0"),
    Product(
        "several",
        "django-oauth-toolkit",
        "3.4.1",
        others=(
            *("django-celery-beat", "django-celery-results", "social-auth-app-django"),
            *("django-axes", "django-post-office", "django-reversion", "django-waffle"),
            *("django-taggit", "easy-thumbnails"),
        ),
    ),
]


class Stopped(Exception):
    """A command of the generated project failed."""


@dataclass
class Outcome:
    product: Product
    versions: dict[str, Any] = field(default_factory=dict)
    midway: dict[str, Any] = field(default_factory=dict)
    writes: dict[str, Any] = field(default_factory=dict)
    back: str = ""
    differences: list[str] = field(default_factory=list)
    seconds: float = 0

    @property
    def row(self) -> list[str]:
        installed, midway, writes = self.versions, self.midway, self.writes
        tables = f"{writes.get('written', 0)} of {writes.get('tracked', 0)}"
        return [
            f"{self.product.distribution} {self.product.version}",
            str(installed.get("django", "")),
            f"{installed.get('migrations', '')} in {installed.get('apps', '')}",
            str(midway.get("rules", "")),
            tables,
            str(writes.get("refusals", "")),
            str(writes.get("events", "")),
            self.back,
            str(len(self.differences)),
        ]


HEADINGS = [
    *("product", "Django", "migrations", "rules midway", "tables written", "refusals"),
    *("events", "back to zero", "differences"),
]


class Project:
    """A generated project in the cache folder, and its databases."""

    def __init__(self, product: Product, cache: Path, server: databases.Server, say: Any) -> None:
        self.product, self.server, self.say = product, server, say
        self.folder = cache / "projects" / product.name
        self.libraries = cache / "libraries"
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(HERE / "template", self.folder)
        shutil.copy(HERE / "products" / f"{product.name}.py", self.folder / "product.py")
        self.libraries.mkdir(exist_ok=True)
        for name in LIBRARIES:
            link = self.libraries / name
            link.unlink(missing_ok=True)
            link.symlink_to(HERE.parent / name)
        self.python = environments.python(cache, product.name, product.requirements)
        self.made: list[str] = []

    def database(self, purpose: str, template: str = "") -> str:
        name = f"life_{self.product.name}_{purpose}"
        self.server.create(
            name, f"life_{self.product.name}_{template}" if template else "template1"
        )
        self.made.append(name)
        return name

    def drop(self) -> None:
        for name in self.made:
            self.server.drop(name)

    def run(self, database: str, *command: str, engines: bool = False, rules: bool = False) -> str:
        """Return what a command of the project printed.

        Raises:
            Stopped: the exit code is not 0.
        """
        environment = {
            **{k: v for k, v in os.environ.items() if k not in ("DJANGO_SETTINGS_MODULE", "DEBUG")},
            "LIFE_DATABASE": self.server.settings(database),
            "LIFE_RULES": "1" if rules else "",
            "PYTHONPATH": str(self.libraries) if engines or rules else "",
            "PYTHONWARNINGS": "ignore",
        }
        ended = subprocess.run(
            [str(self.python), *command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        if ended.returncode != 0:
            last = (ended.stderr or ended.stdout).strip()
            log = self.folder / "failed.log"
            log.write_text(f"{command}\n{ended.stdout}\n{ended.stderr}")
            raise Stopped(f"{' '.join(command)}: {last.splitlines()[-1] if last else ''} ({log})")
        return ended.stdout

    def inside(self, database: str, command: str, **options: Any) -> Any:
        printed = self.run(database, "inside.py", command, **options)
        return json.loads(printed.rpartition("RESULT ")[2])

    def migrate(self, database: str, *arguments: str, **options: Any) -> None:
        self.run(database, "manage.py", "migrate", "--noinput", "-v0", *arguments, **options)


def check(product: Product, cache: Path, server: databases.Server, say: Any, keep: bool) -> Outcome:
    """Run all steps for one product; what goes wrong is among the differences."""
    outcome = Outcome(product)
    began = time.monotonic()
    try:
        project = Project(product, cache, server, say)
        try:
            _steps(project, outcome)
        finally:
            if not keep:
                project.drop()
    except (Stopped, RuntimeError) as error:
        outcome.differences.append(str(error))
    outcome.seconds = time.monotonic() - began
    return outcome


def _steps(project: Project, outcome: Outcome) -> None:
    say, server = project.say, project.server
    say("plain")
    plain = project.database("plain")
    project.migrate(plain)
    expected = server.schema(plain)
    outcome.versions = project.inside(plain, "versions")

    say("engines")
    engines = project.database("engines")
    project.migrate(engines, engines=True)
    _compare(outcome, "engines", expected, server.schema(engines))

    say("midway")
    midway = project.database("midway")
    try:
        outcome.midway = project.inside(midway, "midway", engines=True)
        _compare(outcome, "midway", expected, server.schema(midway))
    except Stopped as error:
        outcome.differences.append(f"midway: {error}")

    say("rules")
    rules = project.database("rules", template="engines")
    project.inside(rules, "copy")
    project.run(rules, "manage.py", "makemigrations", "--noinput", "-v0", rules=True)
    project.run(rules, "manage.py", "makemigrations", "--check", "--dry-run", rules=True)
    project.migrate(rules, rules=True)
    _compare(outcome, "rules", expected, server.schema(rules))
    project.run(rules, "manage.py", "pgtrigger", "check", rules=True)
    outcome.writes = project.inside(rules, "write", rules=True)
    writes = outcome.writes
    writes["tracked"] = writes["written"] + len(writes["left_out"])
    outcome.differences += [f"rules: {wrong}" for wrong in writes["wrong"]]
    for label, reason in writes["left_out"].items():
        say(f"no row for {label}: {reason}")

    say("back")
    back_plain = project.database("back_plain", template="plain")
    back_rules = project.database("back_rules", template="rules")
    without = project.inside(back_plain, "back")
    with_rules = project.inside(back_rules, "back", rules=True)
    outcome.back = (
        f"{sum(v == 'zero' for v in without['outcome'].values())} of {len(without['outcome'])}"
    )
    for label, reached in without["outcome"].items():
        if with_rules["outcome"].get(label) != reached:
            outcome.differences.append(
                f"back: {label}: plain Django {reached}; with rules {with_rules['outcome'][label]}"
            )
    _compare(outcome, "back", server.schema(back_plain), server.schema(back_rules))


def _compare(outcome: Outcome, step: str, expected: dict[str, str], found: dict[str, str]) -> None:
    outcome.differences += [f"{step}: {each}" for each in databases.differences(expected, found)]
