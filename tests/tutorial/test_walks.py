"""ARCHITECTURE.md leads through the code of a rule and of a tracked write, as it really runs."""

import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.messages.storage.cookie import CookieStorage
from django.core.management import call_command
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.test.utils import isolate_apps

import pghistory
import pgtrigger
from integrity.admin import RefusedWritesMixin
from pghistory.middleware import HistoryMiddleware
from pgtrigger.migrations import AddTrigger
from pgtrigger.triggers import registry
from project.models import User
from tests.pgtrigger.throwaway import ThrowawayApp
from tutorial.models import FSM, Page

ROOT = Path(__file__).parents[2]
LIBRARIES = ("pgtrigger", "pghistory", "integrity", "tutorial")
RULE, WRITE = re.findall(
    r"^## (?:A rule|A tracked write), .*?(?=^## )",
    (ROOT / "ARCHITECTURE.md").read_text(),
    re.MULTILINE | re.DOTALL,
)
PART = re.compile(r"^\d\. \*\*(\w+)\*\* \((\d+) steps, before (\d+)\).*?\n\n(.*?)\n\n", re.M | re.S)
PARTS = {
    f"{prefix} {name.lower()}": (prefix, int(steps), int(before), places)
    for prefix, text in (("pgtrigger", RULE), ("pghistory", WRITE))
    for name, steps, before, places in PART.findall(text)
}
# Declarations, in which no function need run: models, names and settings.
ONLY_IMPORTED = {"tutorial.models.basics", "pghistory", "pghistory.models", "pghistory.config"}
EVERY_PART = pytest.mark.parametrize("part", PARTS)


class PlainAdmin(RefusedWritesMixin, admin.ModelAdmin):
    """An admin that does not look at the rules beforehand."""


def places(part: str) -> list[str]:
    """Return the places of a part with their packages; "" for the server."""
    prefix, _, _, text = PARTS[part]
    found = []
    for place in re.sub(r"\s+", " ", text).strip().split(" → "):
        name = place.strip("`")
        is_whole = re.split(r"[./]", name)[0] in LIBRARIES
        found.append("" if place == "the server" else name if is_whole else f"{prefix}.{name}")
    return found


def module_of(place: str) -> str:
    """Return the module of a place, which may be one of its functions. Raise if there is none."""
    name, *rest = place, ""
    while True:
        try:
            found: Any = importlib.import_module(name)
            break
        except ModuleNotFoundError:
            name, _, attribute = name.rpartition(".")
            rest.insert(0, attribute)
            if not name:
                raise
    for attribute in filter(None, rest):
        found = getattr(found, attribute)
    return name


def modules_in(act: Callable[[], object]) -> set[str]:
    """Return the modules in which functions run during the act."""
    found = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        found.add(str(frame.f_globals.get("__name__")))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        act()
    finally:
        sys.setprofile(before)
    return found


def test_the_document_has_every_part_of_both_walks() -> None:
    of_rule = ["declared", "compiled", "installed", "raised", "shown"]
    of_write = ["declared", "compiled", "written", "read"]
    assert list(PARTS) == [
        *(f"pgtrigger {each}" for each in of_rule),
        *(f"pghistory {each}" for each in of_write),
    ]


@EVERY_PART
def test_the_stated_number_of_steps_is_the_number_of_arrows(part: str) -> None:
    _, steps, before, _ = PARTS[part]
    assert len(places(part)) - 1 == steps <= before


@EVERY_PART
def test_every_place_exists(part: str) -> None:
    for place in filter(None, places(part)):
        path, dot, suffix = place.rpartition(".")
        if suffix in ("sql", "html"):
            package, _, rest = path.partition(".")
            assert (ROOT / package / f"{rest}{dot}{suffix}").exists(), place
        else:
            assert module_of(place)


class TestWhatRuns:
    """Each part runs, and with it every module of its list."""

    def assert_runs(self, part: str, act: Callable[[], object]) -> None:
        listed = {module_of(each) for each in places(part) if each and "/" not in each}
        assert sorted(listed - modules_in(act) - ONLY_IMPORTED) == []

    @isolate_apps("tutorial")
    def test_a_rule_is_declared(self) -> None:
        def declare() -> None:
            class Isolated(models.Model):
                status = models.TextField()

                class Meta:
                    app_label = "tutorial"
                    triggers = [pgtrigger.FSM(name="one", field="status", transitions=[("a", "b")])]

        self.assert_runs("pgtrigger declared", declare)

    @pytest.mark.django_db
    def test_a_rule_is_compiled(self) -> None:
        def compile_all() -> None:
            call_command("makemigrations", "tutorial", check=True, dry_run=True, verbosity=0)

        self.assert_runs("pgtrigger compiled", compile_all)

    @pytest.mark.django_db
    def test_a_rule_is_installed(
        self, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.syspath_prepend(tmp_path)
        app = ThrowawayApp(tmp_path, settings, monkeypatch, label="walked")
        try:
            app.declare(
                """
                class Entry(models.Model):
                    status = models.TextField()

                    class Meta:
                        triggers = [
                            pgtrigger.FSM(name="one", field="status", transitions=[("a", "b")])
                        ]
                """
            )
            operations = app.makemigrations()
            assert any(isinstance(each, AddTrigger) for each in operations)

            def migrate() -> None:
                call_command("migrate", "walked", verbosity=0, skip_checks=False)

            self.assert_runs("pgtrigger installed", migrate)
        finally:
            app.forget()

    @pytest.mark.django_db
    def test_an_error_is_raised(self) -> None:
        row = FSM.objects.create(status="inactive")
        row.status = "published"

        def write() -> None:
            with pytest.raises(pgtrigger.InvalidTransitionError):
                row.save()

        self.assert_runs("pgtrigger raised", write)

    @pytest.mark.django_db
    def test_an_error_is_shown(self, rf: RequestFactory, admin_user: User) -> None:
        row = FSM.objects.create(status="published")
        request = rf.post("/", {"status": "unpublished"})
        request.user = admin_user
        vars(request).update(_dont_enforce_csrf_checks=True, _messages=CookieStorage(request))
        # The tutorial's own form does not offer what the rule would refuse.
        model_admin = PlainAdmin(FSM, admin.site)

        def show() -> None:
            response: Any = model_admin.changeform_view(request, str(row.pk))
            assert "Transitions allowed" in str(response.context_data["errors"])

        self.assert_runs("pgtrigger shown", show)

    @isolate_apps("tutorial")
    def test_a_tracked_model_is_declared(self) -> None:
        def declare() -> None:
            @pghistory.track()
            class Isolated(models.Model):
                status = models.TextField()

                class Meta:
                    app_label = "tutorial"

        self.assert_runs("pghistory declared", declare)

    def test_the_trigger_of_events_is_compiled(self) -> None:
        [trigger] = [
            trigger for trigger in registry.of_model(Page) if trigger.name == "update_update"
        ]
        self.assert_runs("pghistory compiled", lambda: trigger.compile(Page))

    @pytest.mark.django_db
    def test_a_tracked_write_is_written(self, rf: RequestFactory) -> None:
        def respond(request: HttpRequest) -> HttpResponse:
            Page.objects.create(title="One", text="")
            return HttpResponse()

        middleware = HistoryMiddleware(respond)
        self.assert_runs("pghistory written", lambda: middleware(rf.post("/")))

    @pytest.mark.django_db
    def test_a_timeline_is_read(self, admin_client: Client, admin_user: User) -> None:
        page = Page.objects.create(title="One", text="")
        source = Template("{% load pghistory %}{% pghistory_timeline page as url %}{{ url }}")

        def read() -> None:
            request = HttpRequest()
            request.user = admin_user
            url = source.render(Context({"request": request, "page": page}))
            assert b"One" in admin_client.get(url).content

        self.assert_runs("pghistory read", read)
