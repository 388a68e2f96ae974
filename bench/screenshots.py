"""``python -m bench.screenshots``: the pictures in the README, taken of the running site.

Needs Chromium, and a database that is migrated and has the demo account (`make demo` sees to both).
"""

import argparse
import http.client
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

FOLDER = Path(__file__).parent.parent / "docs" / "screenshots"
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--no-proxy-server"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
CHAPTERS = {"protecting-deletions": "code", "transitions": "code", "tracking-history": "events"}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to put the pictures")
    parser.add_argument("--port", type=int, default=8992)
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        print("There is no Chromium here: apt install chromium.", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    with _site(options.port) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for name in _pages(page, address):
            page.screenshot(path=options.folder / f"{name}.png")
            print(options.folder / f"{name}.png")
        browser.close()
    return 0


def _pages(page: Page, address: str) -> Iterator[str]:
    """The name of each picture, once the page shows what is to be on it."""
    page.goto(f"{address}/")
    yield "index"
    for slug, tab in CHAPTERS.items():
        page.goto(f"{address}/{slug}/")
        page.get_by_role("button", name="Run", exact=True).click()
        page.locator("#sql .statements").wait_for(state="attached")
        page.locator(f"#tab-{tab}").click()
        yield slug
    page.goto(f"{address}/triggers/")
    yield "triggers"
    page.goto(f"{address}/admin/tutorial/officialinterface/add/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("admin")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".errornote").wait_for()
    yield "admin"


@contextmanager
def _site(port: int) -> Iterator[str]:
    command = [sys.executable, "manage.py", "runserver", "--noreload", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(150):
            try:
                http.client.HTTPConnection("127.0.0.1", port).connect()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
