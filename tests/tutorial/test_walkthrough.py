"""`manage.py walkthrough`, run as one runs it."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.exercises.tasks import EXERCISES

pytestmark = pytest.mark.django_db


def walkthrough(*arguments: str) -> str:
    output = StringIO()
    call_command("walkthrough", *arguments, "--no-color", stdout=output)
    return output.getvalue()


def test_list_names_every_chapter_in_order() -> None:
    slugs = [line.split()[0] for line in walkthrough("--list").splitlines()]
    assert slugs == [chapter.slug for chapter in all_chapters()]


def test_a_slug_runs_that_chapter_alone() -> None:
    printed = walkthrough("append-only")
    assert "2. Append-only models" in printed
    assert printed.count("python manage.py shell_plus") == 1
    assert "Cannot update!\nCannot delete!\n" in printed


def test_sql_shows_each_statement_and_the_answer_to_it() -> None:
    printed = walkthrough("protecting-deletions", "--sql")
    assert 'DELETE FROM "tutorial_cannotdelete"' in printed
    assert "23000 pgtrigger: Cannot delete rows from tutorial_cannotdelete table" in printed
    assert "constraint: protect_deletes" in printed


def test_it_prints_the_text_the_model_and_the_exercise() -> None:
    printed = walkthrough("transitions")
    assert "What it does not stop" in printed
    assert "class FSM(models.Model):" in printed
    assert "+ Create trigger validate_status_transitions on model fsm" in printed
    assert "def test_inactive_is_final():" in printed
    assert "- Remove trigger validate_status_transitions from model fsm" in printed
    assert "Now you" in printed
    assert "triggers = [\n]" in printed


def test_sql_does_not_show_the_engines_catalog_queries() -> None:
    printed = walkthrough("drift", "--sql")
    assert "SELECT tgfoid::regproc::text FROM pg_trigger" in printed  # the chapter's own
    assert "lookups in the catalog are not shown" in printed
    assert "pg_catalog.pg_class" not in printed
    assert "CREATE OR REPLACE FUNCTION" in printed


def test_an_answer_is_judged(tmp_path: Path) -> None:
    answer = tmp_path / "answer.py"
    answer.write_text(EXERCISES["append_only"].solution)
    assert "Solved." in walkthrough("append-only", "--answer", str(answer))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("triggers = []", "3 of 4 writes did not end as they should"),
        ("import os", "one assignment is expected"),
    ],
)
def test_a_wrong_answer_fails(tmp_path: Path, text: str, message: str) -> None:
    answer = tmp_path / "answer.py"
    answer.write_text(text)
    with pytest.raises(CommandError, match=message):
        walkthrough("append-only", "--answer", str(answer))


def test_no_slug_runs_them_all() -> None:
    printed = walkthrough()
    assert all(f"{chapter.number}. {chapter.title}" in printed for chapter in all_chapters())


def test_check_is_content_with_what_is_expected() -> None:
    assert "print what is expected" in walkthrough("--check")


def test_check_shows_a_difference_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = tmp_path / "append_only.out"
    expected.write_text("Cannot update!\n")
    monkeypatch.setattr(Chapter, "expected_output", expected)

    output = StringIO()
    with pytest.raises(CommandError, match="1 of 1 outputs are not the expected ones") as failure:
        call_command("walkthrough", "append-only", "--check", stdout=output)

    assert failure.value.returncode == 1
    assert "+Cannot delete!" in output.getvalue()


def test_write_keeps_the_output_as_the_expected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = get_chapter("append-only").expected
    expected = tmp_path / "append_only.out"
    monkeypatch.setattr(Chapter, "expected_output", expected)

    walkthrough("append-only", "--write")

    assert expected.read_text() == kept


def test_an_unknown_slug_fails_with_those_there_are() -> None:
    with pytest.raises(CommandError, match="The chapters are: protecting-deletions"):
        walkthrough("nowhere")


def test_json_holds_the_statements_and_the_fields_of_the_error() -> None:
    (played,) = json.loads(walkthrough("protecting-deletions", "--format", "json"))
    assert played["error"]["SQLSTATE"] == "23000"
    assert next(found["answer"] for found in played["statements"]) == "INSERT 0 1"
    listed = json.loads(walkthrough("--list", "--format", "json"))
    assert [row["slug"] for row in listed] == [chapter.slug for chapter in all_chapters()]
