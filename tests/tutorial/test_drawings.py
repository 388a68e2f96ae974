"""The pictures say what the declarations say."""

import itertools

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.utils.html import strip_tags

from pgtrigger.admin.firing import firing
from pgtrigger.admin.states import diagram
from tutorial.chapters import Chapter, all_chapters, get_chapter
from tutorial.listing import listing
from tutorial.models import (
    FSM,
    CannotDelete,
    OfficialInterface,
    Reading,
    SoftDelete,
    Tracked,
    User,
    Versioned,
)
from tutorial.pictures import PICTURES
from tutorial.running import run_chapter
from tutorial.source import source_lines
from tutorial.states import diagrams
from tutorial.timeline import drawn


class TestFiring:
    def test_a_trigger_stands_where_it_fires(self) -> None:
        drawing = firing(CannotDelete)
        stations = {
            card.name: station.label for station in drawing.stations for card in station.cards
        }
        assert stations == {"protect_deletes": "before each row"}

    def test_one_at_statement_level_stands_after_the_statement(self) -> None:
        drawing = firing(Reading)
        stations = {station.label for station in drawing.stations if station.cards}
        assert stations == {"after the statement"}

    def test_it_says_on_what_and_under_what_condition(self) -> None:
        assert firing(Versioned).sentences == [
            "protect_version_edits: before each row, on UPDATE, "
            'when OLD."version" IS DISTINCT FROM (NEW."version")',
            "versioned: before each row, on UPDATE, when OLD.* IS DISTINCT FROM NEW.*",
        ]

    def test_cards_do_not_overlap(self) -> None:
        cards = [card for station in firing(Versioned).stations for card in station.cards]
        assert all(a.top + a.height <= b.top for a, b in itertools.pairwise(cards))


class TestStates:
    def test_states_stand_as_far_right_as_the_longest_way_to_them_is_long(self) -> None:
        drawing = diagram([("a", "b"), ("a", "c"), ("b", "c")])
        across = [state.name for state in sorted(drawing.states, key=lambda state: state.x)]
        assert across == ["a", "b", "c"]
        assert len({state.x for state in drawing.states}) == 3

    def test_a_way_back_is_drawn_and_ends_nothing(self) -> None:
        drawing = diagram([("open", "closed"), ("closed", "open")])
        assert [(arrow.source, arrow.target) for arrow in drawing.arrows] == [
            ("open", "closed"),
            ("closed", "open"),
        ]

    def test_a_refused_transition_is_crossed(self) -> None:
        drawing = diagram([("a", "b")], current="b", refused=("b", "a"))
        assert drawing.sentences == ["Now b.", "a to b.", "b to a is refused."]

    def test_before_a_run_no_state_is_lit(self) -> None:
        (drawing,) = diagrams(FSM)
        assert not any(state.is_current for state in drawing.states)

    @pytest.mark.django_db
    def test_after_a_run_it_shows_where_it_ended_and_what_was_refused(self) -> None:
        (drawing,) = diagrams(FSM, run_chapter(get_chapter("transitions")))
        assert drawing.sentences[0] == "Now inactive."
        assert "inactive to published is refused." in drawing.sentences

    def test_a_model_without_states_has_no_picture(self) -> None:
        assert diagrams(SoftDelete) == []


class TestTimeline:
    @pytest.mark.django_db
    def test_each_write_of_a_chapter_is_one_entry(self) -> None:
        groups = run_chapter(get_chapter("tracking-history")).history["Tracked"]
        assert [write.labels for group in groups for write in group.writes] == [
            ["create", "snapshot"],
            ["snapshot"],
            ["snapshot"],
            ["low_int", "snapshot"],
            ["low_int", "snapshot"],
        ]

    @pytest.mark.django_db
    def test_it_is_drawn_as_on_the_pages_of_history(self) -> None:
        groups = run_chapter(get_chapter("tracking-history")).history["Tracked"]
        template = "pghistory/drawings/timeline.html"
        html = render_to_string(template, {"groups": drawn(groups)})
        assert html.count("pgh-write") == 5
        assert "Created with:" in html
        assert "<a " not in html


class TestListing:
    @pytest.mark.django_db
    def test_in_a_loop_each_refusal_stands_before_what_was_printed_about_it(self) -> None:
        chapter = get_chapter("refined-errors")
        (line,) = [each for each in listing(chapter, run_chapter(chapter)) if each.answers]
        kinds = ["refused" if answer.refused else answer.printed for answer in line.answers]
        assert kinds == [
            "refused",
            "ada@example.org UserAlreadyExists",
            "refused",
            "None EmailCannotBeNull",
            "refused",
            "Grace@example.org EmailMustBeLowerCase",
        ]

    @pytest.mark.django_db
    @pytest.mark.parametrize("chapter", all_chapters(), ids=lambda chapter: chapter.slug)
    def test_everything_that_was_printed_or_refused_stands_there_once(
        self, chapter: Chapter
    ) -> None:
        result = run_chapter(chapter)
        answers = [answer for line in listing(chapter, result) for answer in line.answers]
        printed = "\n".join(answer.printed for answer in answers if not answer.refused)
        written = "".join(each.text for each in result.printed)
        assert printed.splitlines() == [line for line in written.splitlines() if line]
        assert sum(1 for answer in answers if answer.refused) == len(result.refusals)


class TestSource:
    @pytest.mark.parametrize(
        ("model", "first"),
        [
            (CannotDelete, "pgtrigger.Protect("),
            (Tracked, "@pghistory.track("),
            (User, "models.CheckConstraint("),
            (OfficialInterface, "@pgtrigger.ignore("),
        ],
    )
    def test_the_rule_is_marked(self, model: type, first: str) -> None:
        marked = [strip_tags(line.code) for line in source_lines(model) if line.is_rule]
        assert first in marked[0]
        assert len(marked) < len(source_lines(model))


class TestPictures:
    def test_each_belongs_to_a_chapter(self) -> None:
        assert set(PICTURES) <= {chapter.module_name for chapter in all_chapters()}

    @pytest.mark.parametrize("name", PICTURES)
    def test_boxes_have_room_and_arrows_have_ends(self, name: str) -> None:
        picture = PICTURES[name]
        assert len({(box.column, box.row) for box in picture.boxes}) == len(picture.boxes)
        assert all(len(line) <= 18 for box in picture.boxes for line in box.text.split("\n"))
        for arrow in picture.arrows:
            assert arrow.start != arrow.end
            assert max(arrow.start, arrow.end) < len(picture.boxes)

    @pytest.mark.django_db
    def test_a_chapter_shows_its_picture_with_the_sentence(self, client: Client) -> None:
        html = client.get("/trees/").content.decode()
        assert f'aria-label="{PICTURES["trees"].sentence}"' in html
        assert '<g class="cross"' in html.partition('<figure class="picture">')[2]
