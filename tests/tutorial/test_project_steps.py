"""The section "In your project" of each chapter says what happens there."""

import ast
from typing import Any

import pytest
from django.db import transaction

from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.project_steps import APP, project_steps
from tutorial.project_tests import TESTS

CHAPTERS = pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)


def functions(source: str) -> list[tuple[Any, list[dict[str, Any]]]]:
    """Return the tests in the source, each with its sets of arguments."""
    namespace: dict[str, Any] = {}
    exec(
        source.replace(f"from {APP}.", "from tutorial.").replace(f'"{APP}.', '"tutorial.'),
        namespace,
    )
    found = []
    for name, function in namespace.items():
        if name.startswith("test_"):
            (mark,) = getattr(function, "pytestmark", [None])
            arguments = [{}] if mark is None else [{mark.args[0]: each} for each in mark.args[1]]
            found.append((function, arguments))
    return found


def test_every_chapter_has_a_test() -> None:
    assert set(TESTS) == {chapter.module_name for chapter in all_chapters()}


@CHAPTERS
def test_the_steps_are_for_an_app_of_the_readers(chapter: Chapter) -> None:
    steps = project_steps(chapter)
    for text in (steps.imports, steps.makemigrations, steps.test, steps.removal):
        assert "tutorial" not in text


@CHAPTERS
@pytest.mark.django_db
def test_the_test_of_a_chapter_passes_as_it_is(
    chapter: Chapter,
) -> None:
    (found,) = functions(project_steps(chapter).test)
    function, arguments = found
    for each in arguments:
        with transaction.atomic():
            function(**each)
            transaction.set_rollback(True)


@CHAPTERS
def test_the_output_names_each_rule_of_the_chapter(chapter: Chapter) -> None:
    steps = project_steps(chapter)
    names = {
        trigger.name for model in chapter.models for trigger in getattr(model._meta, "triggers", ())
    }
    for name in names:
        assert f"+ Create trigger {name} on model" in steps.makemigrations
        assert f"- Remove trigger {name} from model" in steps.removal
        assert f"name='{name}'" in steps.migration
    assert steps.makemigrations.count("\n    + Create trigger") == steps.migration.count(
        "AddTrigger("
    )
    ast.parse(steps.migration)


def test_removing_a_tracker_removes_the_event_table() -> None:
    assert "- Delete model TrackedEvent" in project_steps(get_chapter("tracking-history")).removal


@CHAPTERS
def test_the_prose_says_what_the_rule_does_not_stop(chapter: Chapter) -> None:
    assert "\n## What it does not stop\n" in chapter.explanation
    assert not chapter.problem.startswith("#")
    assert len(chapter.problem) > 80
