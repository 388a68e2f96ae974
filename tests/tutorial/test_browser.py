"""The pages in a real Chromium: with JavaScript and without, on a desk and on a phone."""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth import get_user_model
from django.test import override_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer
from pytest_django.plugin import DjangoDbBlocker

from tutorial.chapters import Chapter, all_chapters
from tutorial.views import DOCUMENTATION

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
# Chromium asks its own servers for updates and the like, unless it is told not to.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
CHAPTERS = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here: apt install chromium"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Playwright's loop runs in this thread, and Django takes it for an async context.
        kept = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()
        if kept is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    """The address of the site, served by threads of this process."""
    with django_db_blocker.unblock(), override_settings(ALLOWED_HOSTS=["127.0.0.1"]):
        server = LiveServer("127.0.0.1")
        yield server.url
        server.stop()


class Visit:
    """A browser's page, and what went wrong on it."""

    def __init__(self, context: BrowserContext, site: str):
        self.site = site
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.requested: list[str] = []
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on(
            "console",
            lambda message: self.wrong.append(message.text) if message.type == "error" else None,
        )

    def go(self, path: str) -> Page:
        self.page.goto(f"{self.site}{path}")
        return self.page

    @property
    def from_elsewhere(self) -> list[str]:
        return [url for url in self.requested if not url.startswith((self.site, "data:"))]


@pytest.fixture
def visit(browser: Browser, site: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A page on a desk, or as `indirect` parameters say."""
    options: dict[str, Any] = {"viewport": DESK, **getattr(request, "param", {})}
    context = browser.new_context(**options)
    yield Visit(context, site)
    context.close()


without_javascript = pytest.mark.parametrize(
    "visit", [{"java_script_enabled": False}], indirect=True, ids=["without JavaScript"]
)
both_ways = pytest.mark.parametrize(
    "visit",
    [{}, {"java_script_enabled": False}],
    indirect=True,
    ids=["with JavaScript", "without JavaScript"],
)


def press_run(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator("#summary")).to_contain_text("statement")


def open_tab(page: Page, name: str) -> None:
    """Select a tab; without JavaScript there are none, and everything is visible."""
    if page.get_by_role("tab").count():
        page.get_by_role("tab", name=name).click()


def test_a_reader_opens_a_chapter_presses_run_and_reads_the_refusal(visit: Visit) -> None:
    page = visit.go("/")
    page.locator("[data-progress=protecting-deletions]").click()
    press_run(page)

    refusal = "pgtrigger: Cannot delete rows from tutorial_cannotdelete table"
    expect(page.locator("#summary")).to_contain_text("1 refused: line 3")
    page.locator(".listing .refusal summary").click()
    expect(page.locator(".listing .refusal")).to_contain_text(refusal)
    expect(page.locator(".listing .refusal .fields")).to_contain_text("protect_deletes")
    assert visit.wrong == []


@CHAPTERS
def test_a_chapter(visit: Visit, chapter: Chapter, subtests: pytest.Subtests) -> None:
    """One visit for everything, because opening a page costs more than looking at it."""
    page = visit.go(f"/{chapter.slug}/")
    with subtests.test("the keyboard alone checks an answer and runs the chapter"):
        use_the_keyboard(page)
    with subtests.test("the run shows what the chapter prints"):
        check_output(visit, chapter)
    with subtests.test("every tab shows its own panel"):
        assert page.get_by_role("tab").count()
        for tab in page.get_by_role("tab").all():
            tab.click()
            expect(tab).to_have_attribute("aria-selected", "true")
            expect(page.get_by_role("tabpanel")).to_have_count(1)
    with subtests.test("on a phone nothing is wider than the screen"):
        page.set_viewport_size(PHONE)
        for tab in page.get_by_role("tab").all():
            tab.click()
            assert width(page) <= PHONE["width"], tab.text_content()
    page.set_viewport_size(DESK)
    with subtests.test("axe finds no violation"):
        examine(page)
    with subtests.test("the sandbox takes a step"):
        take_a_step(page)
        assert visit.wrong == []


@CHAPTERS
@without_javascript
def test_a_chapter_without_javascript(visit: Visit, chapter: Chapter) -> None:
    page = visit.go(f"/{chapter.slug}/")
    press_run(page)
    check_output(visit, chapter)
    page.set_viewport_size(PHONE)
    assert width(page) <= PHONE["width"]


@pytest.mark.parametrize("path", ["/", "/triggers/"])
def test_a_page_without_a_chapter(visit: Visit, path: str, subtests: pytest.Subtests) -> None:
    page = visit.go(path)
    with subtests.test("axe finds no violation"):
        examine(page)
    with subtests.test("on a phone nothing is wider than the screen"):
        page.set_viewport_size(PHONE)
        assert width(page) <= PHONE["width"]


@pytest.mark.skipif(not (DOCUMENTATION / "index.html").exists(), reason="not built: make docs")
def test_the_built_documentation(visit: Visit, subtests: pytest.Subtests) -> None:
    page = visit.go("/docs/")
    with subtests.test("axe finds no violation"):
        examine(page)
    with subtests.test("on a phone nothing is wider than the screen"):
        page.set_viewport_size(PHONE)
        assert width(page) <= PHONE["width"]
        page.set_viewport_size(DESK)
    with subtests.test("the search finds a page, and asks no other server"):
        page.get_by_placeholder("Search").first.fill("TRUNCATE")
        page.keyboard.press("Enter")
        expect(page.locator("ul.search li").first).to_be_visible()
        assert visit.from_elsewhere == []


def check_output(visit: Visit, chapter: Chapter) -> None:
    """The chapter was run, and nothing went wrong on its page."""
    first = chapter.expected.partition("\n")[0].partition("…")[0]
    first = first.removeprefix("pgtrigger.errors.ProtectedError: ")
    expect(visit.page.locator("#code .listing")).to_contain_text(first)
    assert visit.wrong == []
    assert visit.from_elsewhere == []


def use_the_keyboard(page: Page) -> None:
    """Skip to the content, check the empty answer, and run the chapter."""
    # Until htmx has read the page, the browser submits a form itself and opens a new page.
    expect(page.locator("form[data-htmx-powered]").first).to_be_attached()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tab_to(page, "check")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict")).to_contain_text("did not end as they should")
    expect(page.locator("#check")).to_be_focused()
    tab_to(page, "run")
    page.keyboard.press("Enter")
    expect(page.locator("#summary")).to_contain_text("statement")
    expect(page.locator("#run")).to_be_focused()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this id has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == name:
            return
    pytest.fail(f"Tab does not lead to #{name}.")


def examine(page: Page) -> None:
    """Axe finds no violation on the page, on a desk and a phone, light and dark."""
    # All panels at once, as without JavaScript: what is hidden is not looked at.
    page.evaluate("document.querySelectorAll('.panel').forEach(panel => panel.hidden = false)")
    for size in (DESK, PHONE):
        page.set_viewport_size(size)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            results = Axe().run(page)
            assert results.violations_count == 0, results.generate_report()
    page.set_viewport_size(DESK)
    page.emulate_media(color_scheme="light")


def width(page: Page) -> float:
    """The width of what is on the page, in pixels, which may be more than the screen's."""
    found = page.evaluate("document.documentElement.scrollWidth")
    assert isinstance(found, int | float)
    return found


def take_a_step(page: Page) -> None:
    """The chapter's sandbox, if it has one, adds a row or says why it does not."""
    sandbox = page.locator("#sandbox")
    open_tab(page, "Sandbox")
    if not sandbox.get_by_role("button", name="Add").count():
        return
    for field in (
        sandbox.locator(".new").first.locator("input[type=text], input[type=number]").all()
    ):
        field.fill("7")
    sandbox.get_by_role("button", name="Add").first.click()

    expect(
        sandbox.get_by_text("Start over").or_(sandbox.get_by_role("alert")).first
    ).to_be_visible()


def test_a_second_run_keeps_the_selected_tab(visit: Visit) -> None:
    page = visit.go("/transitions/")
    press_run(page)
    open_tab(page, "Rows")
    press_run(page)
    expect(page.locator("#rows table")).to_be_visible()
    expect(page.get_by_role("tab", name="Rows")).to_have_attribute("aria-selected", "true")


@both_ways
def test_a_reader_gets_an_exercise_wrong_and_then_right(visit: Visit) -> None:
    page = visit.go("/append-only/")
    page.get_by_label("Your answer").fill("triggers = []")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text("3 of 4 writes did not end as they should")

    rule = 'pgtrigger.Protect(name="a", operation=pgtrigger.Update | pgtrigger.Delete)'
    page.get_by_label("Your answer").fill(f"triggers = [{rule}]")
    page.get_by_role("button", name="Check").click()
    expect(page.locator(".verdict")).to_contain_text("Solved")
    assert visit.wrong == []


def test_a_solved_exercise_is_progress(visit: Visit) -> None:
    page = visit.go("/protecting-deletions/")
    rule = 'pgtrigger.Protect(name="a", operation=pgtrigger.Delete)'
    page.get_by_label("Your answer").fill(f"triggers = [{rule}]")
    page.get_by_label("Your answer").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".side [data-progress=protecting-deletions]")).to_contain_text("solved")
    expect(page.locator("#check")).to_be_focused()


@pytest.mark.parametrize("visit", [{}, {"viewport": PHONE}], indirect=True, ids=["desk", "phone"])
def test_run_leads_to_the_first_refusal_and_stays_in_sight(visit: Visit) -> None:
    page = visit.go("/typed-errors/")
    press_run(page)

    expect(page.locator(".listing .refusal").first).to_be_in_viewport()
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_in_viewport()


def test_the_summary_leads_from_another_tab_to_the_refusal(visit: Visit) -> None:
    page = visit.go("/typed-errors/")
    press_run(page)
    open_tab(page, "SQL")
    page.locator("#summary a").click()

    expect(page.locator(".listing .refusal").first).to_be_in_viewport()


def test_a_run_leaves_the_sandbox_as_it_is(visit: Visit) -> None:
    page = visit.go("/append-only/")
    open_tab(page, "Sandbox")
    page.locator("#sandbox").get_by_label("int_field").fill("7")
    page.locator("#sandbox").get_by_role("button", name="Add").click()
    expect(page.get_by_role("button", name="Save AppendOnly 1")).to_be_visible()
    press_run(page)

    expect(page.locator("#sandbox").get_by_label("int_field").first).to_have_value("7")


def test_the_theme_is_kept_from_page_to_page(visit: Visit) -> None:
    page = visit.go("/append-only/")
    switch = page.get_by_role("button", name="Theme: system")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    switch.click()
    page.get_by_role("button", name="Theme: light").click()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    page = visit.go("/")
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


@pytest.mark.parametrize("visit", [{"viewport": PHONE}], indirect=True, ids=["phone"])
def test_on_a_phone_the_refused_transition_is_on_the_screen(visit: Visit) -> None:
    page = visit.go("/transitions/")
    press_run(page)
    for part in (".cross", ".state-name.current"):
        box = page.locator(f".states {part}").bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= PHONE["width"]


def test_on_a_wide_screen_the_index_is_centred(visit: Visit) -> None:
    page = visit.go("/")
    page.set_viewport_size({"width": 1920, "height": 1000})
    box = page.locator("main").bounding_box()
    assert box is not None
    # The width without a scrollbar.
    width = page.evaluate("document.documentElement.clientWidth")
    assert abs(box["x"] - (width - box["x"] - box["width"])) <= 1


@both_ways
def test_a_rule_broken_in_the_sandbox_is_the_forms_own_error(visit: Visit) -> None:
    page = visit.go("/transitions/")
    open_tab(page, "Sandbox")
    sandbox = page.locator("#sandbox")
    sandbox.get_by_label("status").select_option("inactive")
    sandbox.get_by_role("button", name="Add").click()
    expect(sandbox.get_by_role("button", name="Save FSM 1")).to_be_visible()

    sandbox.get_by_label("status").first.select_option("published")
    sandbox.get_by_role("button", name="Save").click()

    expect(sandbox.get_by_role("alert").first).to_contain_text('transition of field "status"')
    assert visit.wrong == []


def test_the_tabs_follow_the_arrow_keys(visit: Visit) -> None:
    page = visit.go("/append-only/")
    page.get_by_role("tab", name="Code").focus()
    page.keyboard.press("ArrowRight")

    expect(page.get_by_role("tab", name="SQL")).to_be_focused()
    expect(page.locator("#sql")).to_be_visible()
    expect(page.locator("#code")).to_be_hidden()


@without_javascript
def test_without_javascript_everything_is_there_one_thing_under_another(visit: Visit) -> None:
    page = visit.go("/append-only/")
    press_run(page)

    for panel in ("code", "sql", "rows", "trigger", "sandbox"):
        expect(page.locator(f"#{panel}")).to_be_visible()


def test_progress_is_kept_in_the_browser(visit: Visit) -> None:
    page = visit.go("/append-only/")
    press_run(page)
    expect(page.locator(".side [data-progress=append-only]")).to_have_text("Append-only models run")

    page = visit.go("/")
    expect(page.locator("[data-progress=append-only] .done")).to_have_text("run")
    expect(page.locator("[data-progress=transitions] .done")).to_be_hidden()


def test_a_search_narrows_the_map_while_one_types(visit: Visit) -> None:
    page = visit.go("/triggers/")
    page.get_by_role("searchbox").press_sequentially("tutorial.AppendOnly")

    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").last).to_contain_text("tutorial.AppendOnly:append_only")


def test_axe_finds_no_violation_in_what_a_step_did(visit: Visit) -> None:
    page = visit.go("/official-interface/")
    open_tab(page, "Sandbox")
    for button in ("Add a OfficialInterface", "Add with official_create()"):
        page.get_by_role("button", name=button).click()
        expect(page.locator(".outcome .statements")).to_contain_text("INSERT INTO")
        expect(page.locator(".htmx-request")).to_have_count(0)  # buttons are paler until then
        results = Axe().run(page)
        assert results.violations_count == 0, results.generate_report()


@both_ways
def test_the_sandbox_shows_what_a_step_did(visit: Visit) -> None:
    page = visit.go("/official-interface/")
    open_tab(page, "Sandbox")
    page.get_by_role("button", name="Add a OfficialInterface").click()
    expect(page.locator(".outcome .fields").first).to_contain_text("ProtectedError")
    page.get_by_role("button", name="Add with official_create()").click()

    expect(page.locator(".outcome")).to_contain_text("pgtrigger")
    expect(page.get_by_role("button", name="Delete OfficialInterface 1")).to_be_visible()
    expect(page.locator(".outcome .fields")).to_have_count(0)
    assert visit.wrong == []


def test_the_focus_stays_on_the_pressed_button(visit: Visit) -> None:
    page = visit.go("/append-only/")
    open_tab(page, "Sandbox")
    page.locator("#sandbox").get_by_label("int_field").fill("7")
    page.get_by_role("button", name="Add a AppendOnly").press("Enter")
    expect(page.get_by_role("button", name="Save AppendOnly 1")).to_be_visible()
    expect(page.get_by_role("button", name="Add a AppendOnly")).to_be_focused()


@pytest.mark.django_db(transaction=True)
class TestAdmin:
    @pytest.fixture
    def page(self, visit: Visit) -> Page:
        get_user_model().objects.create_superuser("reader", password="reader")
        page = visit.go("/admin/")
        page.get_by_label("Username").fill("reader")
        page.get_by_label("Password").fill("reader")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("button", name="Log out")).to_be_visible()
        return page

    def test_a_deletion_that_a_rule_refuses_is_not_offered(self, page: Page, visit: Visit) -> None:
        visit.go("/admin/tutorial/cannotdelete/add/")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#result_list tbody a").first.click()

        expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()
        expect(page.get_by_role("link", name="Delete", exact=True)).to_have_count(0)

    def test_a_row_that_no_update_may_change_is_shown(self, page: Page, visit: Visit) -> None:
        visit.go("/admin/tutorial/appendonly/add/")
        page.get_by_label("Int field").fill("17")
        page.get_by_role("button", name="Save", exact=True).click()
        page.locator("#result_list tbody a").first.click()

        expect(page.locator(".field-int_field .readonly")).to_have_text("17")
        expect(page.get_by_label("Int field")).to_have_count(0)

    def test_the_policy_holds_there_too(self, page: Page, visit: Visit) -> None:
        for path in ("/admin/", "/admin/tutorial/fsm/", "/admin/tutorial/fsm/add/"):
            visit.go(path)
        assert not any("Content Security Policy" in text for text in visit.wrong)
