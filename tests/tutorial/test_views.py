"""The pages, as a browser without JavaScript has them, and the fragments that htmx asks for."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from tutorial import views
from tutorial.chapters import Chapter, all_chapters
from tutorial.models import CannotDelete

CHAPTERS = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)
HTMX = {"HX-Request": "true"}


pytestmark = pytest.mark.django_db


def text_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


class TestIndex:
    def test_it_links_every_chapter(self, client: Client) -> None:
        html = client.get("/").content.decode()
        for chapter in all_chapters():
            assert f'href="/{chapter.slug}/"' in html
            assert chapter.title in html

    def test_it_shows_what_the_first_chapter_prints(self, client: Client) -> None:
        html = client.get("/").content.decode()
        assert "pgtrigger: Cannot delete rows from tutorial_cannotdelete table" in html


@CHAPTERS
class TestChapter:
    def test_it_shows_the_code_the_model_and_the_trigger_in_the_database(
        self, client: Client, chapter: Chapter
    ) -> None:
        shown = text_of(client.get(f"/{chapter.slug}/").content.decode())
        assert chapter.title in shown
        for name in chapter.model_names:
            assert f"class {name}" in shown
        if chapter.slug == "protecting-deletions":
            assert "CREATE TRIGGER pgtrigger_protect_deletes_" in shown
            assert "CREATE OR REPLACE FUNCTION" in shown

    def test_run_answers_with_the_page_and_the_results_on_it(
        self, client: Client, chapter: Chapter
    ) -> None:
        response = client.post(f"/{chapter.slug}/run/")
        html = response.content.decode()
        assert response.status_code == 200
        assert html.startswith("<!doctype html>")
        expected = chapter.expected.removeprefix("pgtrigger.errors.ProtectedError: ")
        assert text_of(expected.partition("\n")[0].partition("…")[0]) in text_of(html)
        assert re.search(r'role="status"[^>]*>\s*<span>\d+ statements?</span>', html)

    def test_run_answers_htmx_with_the_results_alone(
        self, client: Client, chapter: Chapter
    ) -> None:
        html = client.post(f"/{chapter.slug}/run/", headers=HTMX).content.decode()
        assert html.strip().startswith('<div class="results" id="results">')
        assert 'id="summary" role="status" hx-swap-oob="true"' in html
        assert "<html" not in html

    def test_it_lists_all_chapters(self, client: Client, chapter: Chapter) -> None:
        html = client.get(f"/{chapter.slug}/").content.decode()
        assert all(f'data-progress="{each.slug}"' in html for each in all_chapters())
        assert f'data-progress="{chapter.slug}" aria-current="page"' in html

    def test_running_needs_a_post(self, client: Client, chapter: Chapter) -> None:
        assert client.get(f"/{chapter.slug}/run/").status_code == 405


class TestSandboxOnAPage:
    def test_a_broken_rule_is_the_forms_own_error(self, client: Client) -> None:
        page = client.post("/protecting-deletions/try/", {"action": "add:CannotDelete"})
        journal = re.search(r'name="journal" value="([^"]+)"', page.content.decode())
        assert journal

        refused = client.post(
            "/protecting-deletions/try/",
            {"action": "delete:CannotDelete:0", "journal": unescape(journal[1])},
        )

        html = refused.content.decode()
        assert refused.status_code == 200
        assert 'role="alert"' in html
        assert "pgtrigger: Cannot delete rows from tutorial_cannotdelete table" in html
        assert CannotDelete.objects.count() == 0

    def test_htmx_gets_the_sandbox_alone(self, client: Client) -> None:
        html = client.post(
            "/append-only/try/", {"action": "add:AppendOnly"}, headers=HTMX
        ).content.decode()
        assert html.strip().startswith('<section class="panel sandbox" id="sandbox"')

    @pytest.mark.parametrize(
        "action",
        [
            "",
            "add",
            "add:User",
            "delete:AppendOnly:9",
            "save:AppendOnly:x",
            "drop:AppendOnly",
            "::",
        ],
    )
    def test_what_no_button_says_does_nothing(self, client: Client, action: str) -> None:
        response = client.post("/append-only/try/", {"action": action, "journal": "tampered"})
        assert response.status_code == 200
        assert 'role="alert"' not in response.content.decode()


class TestTriggerMap:
    def test_it_lists_every_declared_trigger_as_installed(self, client: Client) -> None:
        html = client.get("/triggers/?q=tutorial.").content.decode()
        assert "tutorial.CannotDelete:protect_deletes" in html
        assert "OUTDATED" not in html
        assert "UNINSTALLED" not in html

    def test_a_search_keeps_what_has_all_its_words(self, client: Client) -> None:
        html = client.get("/triggers/?q=fsm+BEFORE").content.decode()
        assert "tutorial.FSM:validate_status_transitions" in html
        assert "CannotDelete" not in html

    def test_a_disabled_trigger_says_so(self, client: Client) -> None:
        import pgtrigger

        with pgtrigger.disable("tutorial.FSM:validate_status_transitions"):
            html = client.get("/triggers/?q=tutorial.FSM").content.decode()
        assert "DISABLED" in html

    def test_a_function_that_was_changed_by_hand_says_so(self, client: Client) -> None:
        import pgtrigger

        uri = "tutorial.FSM:validate_status_transitions"
        ((model, trigger),) = pgtrigger.registered(uri)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tgfoid::regproc FROM pg_trigger WHERE tgname = %s",
                [trigger.get_pgid(model)],
            )
            (function,) = cursor.fetchone()
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger"
                " LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
            )
        try:
            html = client.get(f"/triggers/?q={uri}").content.decode()
        finally:
            pgtrigger.install(uri)
        assert "the function differs from the declaration" in html


class TestDocumentation:
    @pytest.fixture
    def built(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(views, "DOCUMENTATION", tmp_path)
        (tmp_path / "index.html").write_text("<h1>Rules</h1>")
        (tmp_path / "how-to").mkdir()
        (tmp_path / "how-to" / "testing.html").write_text("<h1>Test rules</h1>")
        return tmp_path

    def test_it_is_served_once_it_is_built(self, client: Client, built: Path) -> None:
        assert b"Rules" in b"".join(client.get("/docs/"))
        assert b"Test rules" in b"".join(client.get("/docs/how-to/testing.html"))
        assert 'href="/docs/"' in client.get("/").content.decode()

    def test_nothing_else_is(self, client: Client, built: Path) -> None:
        (built.parent / "secret").write_text("secret")
        for path in ("../secret", "%2e%2e/secret", "how-to/", "missing.html"):
            assert client.get(f"/docs/{path}").status_code in {400, 404}

    def test_before_that_it_says_how(
        self, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(views, "DOCUMENTATION", tmp_path / "nowhere")
        assert client.get("/docs/").status_code == 404
        assert 'href="/docs/"' not in client.get("/").content.decode()


class TestEveryPage:
    PAGES = ("/", "/triggers/", "/protecting-deletions/")

    @pytest.mark.parametrize("page", PAGES)
    def test_its_policy_allows_this_sites_files_and_nothing_inline(
        self, client: Client, page: str
    ) -> None:
        policy = client.get(page)["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy

    @pytest.mark.parametrize("page", PAGES)
    def test_nothing_in_it_is_inline_or_from_elsewhere(self, client: Client, page: str) -> None:
        html = client.get(page).content.decode()
        assert not re.search(r'\sstyle="|\son\w+="|<style|javascript:', html)
        assert not re.search(r"<script(?![^>]*\ssrc=)", html)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html)

    def test_one_that_is_not_there_is_a_404_that_leads_back(self, client: Client) -> None:
        response = client.get("/nowhere/")
        assert response.status_code == 404
        assert 'href="/"' in response.content.decode()
        assert client.post("/nowhere/run/").status_code == 404
