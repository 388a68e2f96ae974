"""Exercises: what an answer may contain, and that only right answers are accepted."""

import ast
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st

import pgtrigger
from pghistory.tracking.event_models import all_event_models
from tests.tutorial.wrong_answers import WRONG_ANSWERS
from tutorial.chapters import all_chapters
from tutorial.exercises import judging, parsing
from tutorial.exercises.judging import judge
from tutorial.exercises.parsing import AnswerError, parse
from tutorial.exercises.tasks import EXERCISES
from tutorial.models import Account, CannotDelete, Passport

EVERY = pytest.mark.parametrize("name", EXERCISES)
HTMX = {"HX-Request": "true"}
ANSWERS = [
    pytest.param(name, answer, reason, id=f"{name}-{number}")
    for name, answers in WRONG_ANSWERS.items()
    for number, (answer, reason) in enumerate(answers, start=1)
]


def play_schemas() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, 'play_')")
        return cursor.fetchall()


def triggers(text: str) -> list[Any]:
    return parse(text, "triggers", parsing.TRIGGERS)


def test_every_chapter_has_an_exercise() -> None:
    assert list(EXERCISES) == [chapter.module_name for chapter in all_chapters()]


@pytest.mark.django_db
class TestJudging:
    @EVERY
    def test_the_empty_answer_fails(self, name: str) -> None:
        verdict = judge(EXERCISES[name], EXERCISES[name].empty)
        assert not verdict.error
        assert verdict.wrong

    @EVERY
    def test_the_solution_passes(self, name: str) -> None:
        verdict = judge(EXERCISES[name], EXERCISES[name].solution)
        assert verdict.is_solved, verdict

    @EVERY
    def test_there_are_five_wrong_answers(self, name: str) -> None:
        assert len({answer for answer, _ in WRONG_ANSWERS[name]}) == 5

    @pytest.mark.parametrize(("name", "answer", "reason"), ANSWERS)
    def test_a_wrong_answer_fails_for_the_right_reason(
        self, name: str, answer: str, reason: tuple[int, ...] | str
    ) -> None:
        exercise = EXERCISES[name]
        verdict = judge(exercise, f"{exercise.kind} = [{answer}]")
        wrong = tuple(i for i, outcome in enumerate(verdict.outcomes) if not outcome.is_right)
        assert (verdict.error or wrong) == reason

    def test_nothing_stays_in_the_database(self) -> None:
        exercise = EXERCISES["protecting_deletions"]
        judge(exercise, exercise.solution)
        passport = Passport.objects.create(number="C01X", holder="Ada")
        passport.delete()
        assert Passport.objects.count() == 0

    def test_a_slow_condition_is_stopped(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(judging, "STATEMENT_TIMEOUT", "100ms")
        # PostgreSQL needs seconds to compile this pattern.
        slow = 'old__holder__regex="(a{0,200}b{0,200}){0,30}"'
        exercise = EXERCISES["protecting_deletions"]
        verdict = judge(
            exercise,
            f'triggers = [pgtrigger.Protect(name="a", operation=pgtrigger.Delete, '
            f"condition=pgtrigger.Q({slow}))]",
        )
        assert "statement timeout" in verdict.outcomes[0].message
        assert verdict.outcomes[0].happened == "raises OperationalError"
        assert not verdict.outcomes[0].is_right

    def test_writes_that_take_too_long_together_are_an_error(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The time ends when the answer is installed, and before its writes."""
        exercise = EXERCISES["protecting_deletions"]
        install = judging._Trial._install

        def install_and_wait(trial: Any, declared: list[Any]) -> None:
            install(trial, declared)
            connections["default"].ends_at = 0

        monkeypatch.setattr(judging._Trial, "_install", install_and_wait)
        verdict = judge(exercise, exercise.solution)
        assert verdict.error == "The writes took longer than 15 s together."
        assert play_schemas() == []

    def test_no_answer_writes_more_rows_than_its_exercise(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whatever is declared: the rows are those of the writes, and what a trigger adds to."""
        for name, exercise in EXERCISES.items():
            counts = []
            outcomes = judging._Trial.outcomes

            def count(trial: Any, outcomes: Any = outcomes, counts: Any = counts) -> Any:
                found = outcomes(trial)
                counts.append(trial.model._base_manager.count())
                return found

            monkeypatch.setattr(judging._Trial, "outcomes", count)
            judge(exercise, exercise.solution)
            monkeypatch.undo()
            assert counts, name
            assert counts[0] <= len(exercise.writes) + len(exercise.rows), name

    def test_a_history_in_an_answer_declares_nothing(self) -> None:
        labels, tables = {*Account.pgh_event_models}, all_event_models()
        rules, relations = pgtrigger.registered(), Account._meta.related_objects
        judge(EXERCISES["masked_fields"], EXERCISES["masked_fields"].solution)
        assert ({*Account.pgh_event_models}, all_event_models()) == (labels, tables)
        assert (pgtrigger.registered(), Account._meta.related_objects) == (rules, relations)

    @pytest.mark.parametrize(
        ("name", "answer", "error"),
        [
            ("retention", "pghistory.UpdateEvent()", "one call of pghistory.track()"),
            ("retention", "pghistory.track(), pghistory.track()", "one call of pghistory.track()"),
            ("retention", "pghistory.track(exclude='city')", "expected a list"),
            ("retention", "pghistory.track(1)", "must be a tracker"),
            ("retention", "pghistory.track(keep=timedelta(days=10000000000))", "too large"),
            ("erasure", "1", "must be a call of pghistory.erase()"),
            ("erasure", "pghistory.erase(Customer(), fields=['name'])", "has no key"),
            ("erasure", "pghistory.erase(Customer(pk=1), fields=['town'])", "town"),
            ("erasure", "pghistory.erase(1, fields=['name'])", "int"),
        ],
    )
    def test_a_call_that_cannot_be_made_is_an_error_of_the_answer(
        self, name: str, answer: str, error: str
    ) -> None:
        verdict = judge(EXERCISES[name], f"{EXERCISES[name].kind} = [{answer}]")
        assert error in verdict.error

    def test_two_triggers_of_one_name_are_refused(self) -> None:
        rule = 'pgtrigger.Protect(name="a", operation=pgtrigger.Delete)'
        verdict = judge(EXERCISES["protecting_deletions"], f"triggers = [{rule}, {rule}]")
        assert "two triggers have this name" in verdict.error


class TestParsing:
    @pytest.mark.parametrize(
        "text",
        [
            "__import__('os').system('true')",
            "triggers = [__import__('os')]",
            "triggers = [open('/etc/passwd')]",
            "triggers = [pgtrigger.Trigger(name='a', func='SELECT 1')]",
            "triggers = [pgtrigger.Condition('true')]",
            "triggers = [pgtrigger.Protect(name='a', operation=pgtrigger.Delete, func='x')]",
            "triggers = [pgtrigger.Protect.__init__]",
            "triggers = [pgtrigger.Q(**{'a': 1})]",
            "triggers = [pgtrigger.Q(_connector='; DROP')]",
            "triggers = [*pgtrigger.Insert]",
            "triggers = [x for x in ()]",
            "triggers = [lambda: 1]",
            "triggers = [f'{1}']",
            "triggers = [b'x']",
            "triggers = [1j]",
            "triggers = ['a' * 10 ** 9]",
            "triggers = [-'a']",
            "triggers = [1 | 2]",
            "triggers = [(x := 1)]",
            "triggers = pgtrigger",
            "triggers: list = []",
            "triggers += []",
            "triggers = other = []",
            "triggers = []; import os",
            "triggers = [" + "-" * 3000 + "1]",
            "triggers = [" + "(" * 1500 + ")" * 1500 + "]",
            "triggers = [" + "1," * 1500 + "]",
            "triggers = [" + "'a'" + "]" + " " * 5000,
            "triggers = ['\\x00']",
            "triggers = [\x00]",
            "trackers = []",
            "",
        ],
    )
    def test_anything_else_is_refused(self, text: str) -> None:
        with pytest.raises(AnswerError):
            triggers(text)

    def test_an_error_says_the_line_and_what_there_is(self) -> None:
        with pytest.raises(AnswerError, match=r"^Line 2: `open` is not available here. There are:"):
            triggers("triggers = [\n    open('x'),\n]")
        with pytest.raises(AnswerError, match=r"no argument `func` here\. It takes: name, op"):
            triggers("triggers = [pgtrigger.Protect(func='x')]")

    def test_what_a_class_says_against_its_arguments_is_shown(self) -> None:
        with pytest.raises(AnswerError, match=r'^Line 1: .*"level"'):
            triggers("triggers = [pgtrigger.Protect(name='a', level='Galaxy')]")


# Expressions of the parts that answers are made of, in any order.
literals = st.one_of(
    st.text(max_size=20).map(repr), st.integers().map(str), st.floats().map(repr), st.just("None")
)
names = st.sampled_from([*parsing.TRIGGERS, "pgtrigger", "open", "pgtrigger.Trigger", "__class__"])
keywords = st.sampled_from(
    [
        *("name", "operation", "condition", "fields", "field", "value", "transitions", "level"),
        *("old__id", "new__holder__regex", "old__holder__in", "_negated", "timing", "exclude"),
    ]
)


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    arguments = st.lists(inner, max_size=2).map(", ".join)
    given_by_name = st.lists(st.tuples(keywords, inner), max_size=4).map(
        lambda pairs: ", ".join(f"{name}={value}" for name, value in pairs)
    )
    return st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} | {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} & {pair[1]})"),
        inner.map(lambda value: f"~{value}"),
        st.tuples(names, arguments).map(lambda call: f"{call[0]}({call[1]})"),
        st.tuples(names, given_by_name).map(lambda call: f"{call[0]}({call[1]})"),
        st.tuples(inner, st.just(".__class__")).map("".join),
    )


expressions = st.recursive(st.one_of(literals, names), _calls, max_leaves=12)


class TestFuzzing:
    @given(st.text(max_size=300))
    @settings(max_examples=300, deadline=None)
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        for source in (text, f"triggers = [{text}]"):
            try:
                assert isinstance(triggers(source), list)
            except AnswerError:
                continue

    @given(expressions)
    @settings(max_examples=500, deadline=None)
    def test_any_expression_is_read_or_refused(self, expression: str) -> None:
        before = len(pgtrigger.registered())
        try:
            found = triggers(f"triggers = [{expression}]")
        except AnswerError:
            found = []
        assert len(found) <= 1
        assert len(pgtrigger.registered()) == before

    @given(expressions)
    @settings(max_examples=300, deadline=None)
    def test_nothing_outside_the_list_of_names_is_read(self, expression: str) -> None:
        source = f"triggers = [{expression}]"
        try:
            triggers(source)
            tree = ast.parse(source)
        except (AnswerError, SyntaxError):
            return
        called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        assert called <= set(parsing.TRIGGERS)

    @pytest.mark.django_db
    @given(st.lists(expressions, max_size=3))
    @settings(max_examples=40, deadline=None)
    def test_any_answer_is_judged_and_leaves_nothing(self, answers: list[str]) -> None:
        verdict = judge(EXERCISES["drift"], f"triggers = [{', '.join(answers)}]")
        assert verdict.error or verdict.outcomes
        assert CannotDelete.objects.count() == 0
        assert play_schemas() == []


@pytest.mark.django_db
class TestExerciseOnAPage:
    def test_a_wrong_answer_shows_the_writes_as_rows(self, client: Client) -> None:
        html = client.post(
            "/append-only/check/", {"answer": "triggers = []"}, headers=HTMX
        ).content.decode()
        assert html.strip().startswith('<section class="exercise" id="exercise"')
        assert "3 of 4 writes did not end as they should" in html
        assert "<code>DELETE of rows=1</code>" in html
        assert "It passes; expected: it is refused." in html
        assert "data-solved" not in html

    def test_a_right_answer_is_solved_and_can_be_linked(self, client: Client) -> None:
        exercise = EXERCISES["append_only"]
        html = client.post("/append-only/check/", {"answer": exercise.solution}).content.decode()
        assert html.startswith("<!doctype html>")
        assert "data-solved" in html
        link = html.partition('href="/append-only/?answer=')[2].partition("#")[0]
        linked = client.get(f"/append-only/?answer={link}").content.decode()
        assert "Protect(name=&quot;append_only&quot;" in linked

    def test_solve_shows_the_solution_and_does_not_count(self, client: Client) -> None:
        html = client.post("/append-only/check/", {"action": "solve"}).content.decode()
        assert "Protect(name=&quot;append_only&quot;" in html
        assert "data-solved" not in html

    @pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "page"])
    def test_a_longer_answer_is_not_sent_back(self, client: Client, headers: Any) -> None:
        short = client.post("/append-only/check/", {"answer": "x"}, headers=headers)
        long = client.post("/append-only/check/", {"answer": "<" * 2_000_000}, headers=headers)
        assert "The answer is longer than 4000 characters." in long.content.decode()
        # In the text "<" is 4 bytes, and in the link 3.
        assert len(long.content) < len(short.content) + 8 * parsing.MAX_CHARACTERS

    def test_an_answer_is_text_and_never_markup(self, client: Client) -> None:
        attack = "</textarea><script>alert(1)</script>"
        for response in (
            client.post("/append-only/check/", {"answer": attack}),
            client.get("/append-only/", {"answer": attack}),
        ):
            assert "<script>alert" not in response.content.decode()

    @pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)
    def test_every_chapter_shows_the_task_and_the_model(self, client: Client, chapter: Any) -> None:
        html = client.get(f"/{chapter.slug}/").content.decode()
        exercise = html.partition('id="exercise"')[2].partition("</section>")[0]
        name = EXERCISES[chapter.module_name].model.__name__
        assert f'<span class="nc">{name}</span>' in exercise
        assert f"{EXERCISES[chapter.module_name].kind} = [" in exercise
