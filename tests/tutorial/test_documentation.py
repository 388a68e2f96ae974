"""Chapters and pages of the documentation link to each other."""

import re

import pytest
from django.test import Client

from tutorial.chapters import Chapter, all_chapters
from tutorial.documentation import FOLDER, PAGES, chapters_of, pages

CHAPTERS = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)
BUILT = FOLDER / "_build/html"


def test_every_chapter_has_pages() -> None:
    assert set(PAGES) == {chapter.module_name for chapter in all_chapters()}
    assert all(PAGES.values())


@CHAPTERS
def test_its_pages_exist_and_have_a_title(chapter: Chapter) -> None:
    for page in pages(chapter):
        assert (FOLDER / f"{page.path}.md").exists()
        assert page.title != page.path


@CHAPTERS
def test_each_page_knows_its_chapters(chapter: Chapter) -> None:
    assert all(chapter in chapters_of(page.path) for page in pages(chapter))


@pytest.mark.django_db
def test_a_chapter_names_its_pages(client: Client) -> None:
    html = client.get("/composer/").content.decode()
    assert "Row and statement level" in html
    assert re.search(r"To look it up: .*performance/choosing", html)


@pytest.mark.skipif(not BUILT.exists(), reason="not built: make docs")
@pytest.mark.parametrize("path", sorted({path for paths in PAGES.values() for path in paths}))
def test_a_built_page_links_to_its_chapters(path: str) -> None:
    html = (BUILT / f"{path}.html").read_text()
    for chapter in chapters_of(path):
        assert f'href="/{chapter.slug}/"' in html
