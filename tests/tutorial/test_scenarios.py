"""Checks of every scenario."""

from pathlib import Path

import pytest
from django.apps import apps

from tutorial import private_tables, scenarios
from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.running import mask, run_chapter

FOLDER = Path(scenarios.__file__).parent
CHAPTERS = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)


@pytest.fixture(autouse=True)
def enough_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chapter that takes a second may take many beside other work."""
    monkeypatch.setattr(private_tables, "RUN_TIMEOUT", 600)


@CHAPTERS
@pytest.mark.django_db
def test_a_scenario_prints_what_is_expected(chapter: Chapter) -> None:
    assert mask(run_chapter(chapter).output) == chapter.expected


@CHAPTERS
@pytest.mark.django_db
def test_a_scenario_runs_twice_alike(chapter: Chapter) -> None:
    assert mask(run_chapter(chapter).output) == mask(run_chapter(chapter).output)


@CHAPTERS
def test_a_chapter_has_a_title_and_something_to_read(chapter: Chapter) -> None:
    assert chapter.title
    assert len(chapter.prose) > 200


@CHAPTERS
def test_a_chapter_can_be_pasted_between_double_quotes(chapter: Chapter) -> None:
    code = "\n".join(line.partition("#")[0] for line in chapter.code.splitlines())
    assert not set('"$`\\') & set(code)


def test_every_scenario_module_is_a_chapter() -> None:
    modules = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert modules == {chapter.slug.replace("-", "_") for chapter in all_chapters()}


def test_every_expected_output_belongs_to_a_chapter() -> None:
    expected = {chapter.expected_output for chapter in all_chapters()}
    assert set(FOLDER.glob("*.out")) == expected


def test_every_model_of_the_tutorial_has_a_chapter() -> None:
    shown = {model for chapter in all_chapters() for model in chapter.models}
    models = {
        model for model in apps.get_app_config("tutorial").get_models() if model._meta.managed
    }
    tracked_by = {event for event in models if hasattr(event, "pgh_tracked_model")}
    assert models - tracked_by <= shown


def test_chapters_are_numbered_in_reading_order() -> None:
    assert [chapter.number for chapter in all_chapters()] == [*range(1, len(all_chapters()) + 1)]


def test_an_unknown_chapter_is_answered_with_those_there_are() -> None:
    with pytest.raises(LookupError, match=r'no chapter "nowhere".* protecting-deletions, '):
        get_chapter("nowhere")
