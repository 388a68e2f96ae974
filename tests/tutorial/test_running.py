"""A run shows what happened, and leaves nothing behind."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import IntegrityError, connection, transaction

import pghistory
import pgtrigger
from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.models import AppendOnly, CannotDelete, Member, Team
from tutorial.private_tables import SCHEMA_PREFIX, private_tables
from tutorial.running import ChapterRun, mask, run_chapter

pytestmark = pytest.mark.django_db


def row_count() -> int:
    models = {model for chapter in all_chapters() for model in chapter.models}
    return sum(model._base_manager.count() for model in models)


def play_schemas() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, %s)", [SCHEMA_PREFIX]
        )
        return [name for (name,) in cursor.fetchall()]


class TestRunChapter:
    def test_a_refused_statement_has_the_fields_that_postgres_reports(self) -> None:
        result = run_chapter(get_chapter("protecting-deletions"))

        ((line, statement),) = result.refusals
        assert line == 3
        assert statement.text.startswith("DELETE FROM")
        assert statement.refusal["SQLSTATE"] == "23000"
        assert statement.refusal["table"] == "tutorial_cannotdelete"
        assert statement.refusal["constraint"] == "protect_deletes"
        assert statement.detail["operation"] == "DELETE"

    def test_what_is_printed_is_known_by_its_line(self) -> None:
        result = run_chapter(get_chapter("append-only"))

        code = result.chapter.code.splitlines()
        printed = {result.chapter.line_of_code(each.line): each.text for each in result.printed}
        assert {code[number - 1].strip(): text for number, text in printed.items()} == {
            "print('Cannot update!')": "Cannot update!\n",
            "print('Cannot delete!')": "Cannot delete!\n",
        }

    def test_a_passing_statement_has_its_command_tag_and_parameters_in_place(self) -> None:
        result = run_chapter(get_chapter("versioning"))

        update = next(found for found in result.statements if "UPDATE" in found.text)
        assert update.tag == "UPDATE 1"
        assert "'hi'" in update.text
        assert update.milliseconds > 0

    def test_the_setting_that_ignore_sends_is_among_the_statements(self) -> None:
        result = run_chapter(get_chapter("official-interface"))

        assert any('SET LOCAL "pgtrigger"."ignore"' in found.text for found in result.statements)

    def test_a_frame_is_taken_after_each_write_that_changes_a_row(self) -> None:
        result = run_chapter(get_chapter("versioning"))

        versions = [frame.tables[0].values("version") for frame in result.frames[1:]]
        assert versions == [[0], [1], [2]]

    def test_a_deferred_constraint_is_refused_at_commit(self) -> None:
        result = run_chapter(get_chapter("deferred-constraints"))

        at_commit, at_insert = (statement for _, statement in result.refusals)
        assert at_commit.text == "COMMIT"
        assert at_insert.text.startswith("INSERT INTO")

    def test_it_runs_as_in_a_shell_whoever_asks_for_it(self) -> None:
        with pghistory.context(user="somebody"):
            result = run_chapter(get_chapter("tracking-history"))

        assert "somebody" not in result.output
        assert result.history["Tracked"][0].shown.context == []

    def test_the_history_of_an_object_is_kept_with_what_changed(self) -> None:
        groups = run_chapter(get_chapter("tracking-history")).history["Tracked"]
        writes = [write for group in groups for write in group.writes]

        labels = {label for write in writes for label in write.labels}
        assert labels == {"create", "snapshot", "low_int"}
        assert [("char field", "hi", "bye")] in [write.shown.changes for write in writes]
        assert groups[-1].shown.context == [("misc", "context")]


class TestNothingStays:
    def test_no_run_leaves_a_row(self) -> None:
        for chapter in all_chapters():
            run_chapter(chapter)

        assert row_count() == 0

    def test_no_run_leaves_a_schema(self) -> None:
        for chapter in all_chapters():
            run_chapter(chapter)

        assert play_schemas() == []

    def test_the_functions_that_others_use_are_not_replaced(self) -> None:
        run_chapter(get_chapter("drift"))

        with pytest.raises(IntegrityError):
            CannotDelete.objects.create().delete()

    @pytest.mark.django_db(transaction=True)
    def test_many_visitors_run_chapters_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Eight runs share one processor here, so that each takes longer than a visitor's.
        monkeypatch.setattr("tutorial.private_tables.RUN_TIMEOUT", 300)
        runs: dict[str, list[ChapterRun]] = {chapter.slug: [] for chapter in all_chapters()}

        def visit(chapter: Chapter) -> None:
            try:
                runs[chapter.slug] += [run_chapter(chapter), run_chapter(chapter)]
            finally:
                connection.close()

        with ThreadPoolExecutor(max_workers=8) as visitors:
            list(visitors.map(visit, (*all_chapters(),) * 2))

        for slug, results in runs.items():
            outputs = [result.output for result in results]
            assert len(outputs) == 4, slug
            assert all(get_chapter(slug).expected[:20] == output[:20] for output in outputs)
        assert row_count() == 0
        assert play_schemas() == []


class TestPrivateTables:
    def test_a_refused_write_leaves_the_next_ones_unharmed(self) -> None:
        with private_tables([AppendOnly, CannotDelete]):
            row = AppendOnly.objects.create(int_field=0)
            for write in (row.save, row.delete):
                with pytest.raises(IntegrityError):
                    write()
            assert AppendOnly.objects.count() == 1

    def test_a_transaction_takes_back_what_was_in_it_and_no_more(self) -> None:
        with private_tables([AppendOnly, CannotDelete]):
            AppendOnly.objects.create(int_field=0)
            with pytest.raises(IntegrityError), transaction.atomic():
                AppendOnly.objects.create(int_field=1).delete()
            assert [*AppendOnly.objects.values_list("int_field", flat=True)] == [0]

    def test_django_believes_that_it_is_in_autocommit(self) -> None:
        with private_tables([AppendOnly, CannotDelete]):
            assert not connection.in_atomic_block
            with transaction.atomic(durable=True):
                assert connection.in_atomic_block
            assert not connection.in_atomic_block

    def test_what_waits_for_a_commit_is_called(self) -> None:
        called = []
        with private_tables([AppendOnly, CannotDelete]):
            transaction.on_commit(lambda: called.append("at once"))
            with transaction.atomic():
                transaction.on_commit(lambda: called.append("at the end"))
                assert called == ["at once"]
        assert called == ["at once", "at the end"]

    @pytest.mark.django_db(transaction=True)
    def test_the_connection_is_afterwards_as_it_was(self) -> None:
        with private_tables([AppendOnly, CannotDelete]):
            AppendOnly.objects.create(int_field=0)

        assert connection.get_autocommit()
        assert not connection.in_atomic_block
        assert AppendOnly.objects.count() == 0

    def test_a_setting_ends_with_its_transaction(self) -> None:
        with private_tables([CannotDelete]):
            row = CannotDelete.objects.create()
            with pgtrigger.ignore(), transaction.atomic():
                CannotDelete.objects.create().delete()
            with pytest.raises(IntegrityError):
                row.delete()

    def test_ignore_holds_for_each_statement_in_autocommit(self) -> None:
        with private_tables([CannotDelete]), pgtrigger.ignore():
            for _ in range(2):
                CannotDelete.objects.create().delete()
            assert CannotDelete.objects.count() == 0

    def test_the_tables_are_empty_whatever_the_real_ones_hold(self) -> None:
        CannotDelete.objects.create()
        with private_tables([CannotDelete]):
            assert CannotDelete.objects.count() == 0
            assert CannotDelete.objects.create().pk == 1
        assert CannotDelete.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_another_visitor_does_not_wait_for_its_rows(self) -> None:
        def insert() -> None:
            try:
                with private_tables([Member]):
                    Team.objects.create(pk=1)
            finally:
                connection.close()

        with private_tables([Member]):
            Team.objects.create(pk=1)
            other = threading.Thread(target=insert)
            other.start()
            other.join(timeout=20)
            assert not other.is_alive()


@pytest.mark.django_db(transaction=True)
class TestWhateverTheTablesHold:
    def test_every_chapter_prints_what_is_documented(self) -> None:
        for chapter in all_chapters():
            with suppress(Exception):
                exec(chapter.code, {model.__name__: model for model in chapter.models})
        for chapter in all_chapters():
            assert mask(run_chapter(chapter).output) == chapter.expected, chapter.slug
