"""A Sphinx extension: pages of the documentation link to their chapters. The demo serves both.

https://www.sphinx-doc.org/en/master/extdev/event_callbacks.html
"""

from collections.abc import Iterable
from typing import Any

from tutorial.documentation import PAGES, chapters_of


def setup(app: Any) -> dict[str, bool]:
    """Connect the functions of this module."""
    app.connect("env-get-outdated", pages_with_chapters)
    app.connect("source-read", add_links)
    return {"parallel_read_safe": True}


def add_links(app: Any, name: str, source: list[str]) -> None:
    """Add links to the chapters that belong to a page."""
    links = [f'- <a href="/{chapter.slug}/">{chapter.title}</a>' for chapter in chapters_of(name)]
    if links:
        source[0] += "\n## Chapters of the tutorial\n\n" + "\n".join(links) + "\n"


def pages_with_chapters(
    app: Any, environment: Any, added: set[str], changed: set[str], removed: set[str]
) -> Iterable[str]:
    """Return the pages to build again: a chapter may have another title now."""
    found: set[str] = environment.found_docs
    return {path for paths in PAGES.values() for path in paths} & found
