"""The pictures say what the declarations say."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from pgtrigger.admin.firing import firing
from pgtrigger.admin.states import diagram
from tutorial.chapters import get_chapter
from tutorial.models import FSM, CannotDelete, Reading, SoftDelete, Versioned
from tutorial.playback import play
from tutorial.states import diagrams
from tutorial.timeline import Event, timeline


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

    def test_before_a_play_no_state_is_lit(self) -> None:
        (drawing,) = diagrams(FSM)
        assert not any(state.is_current for state in drawing.states)

    @pytest.mark.django_db
    def test_after_a_play_it_shows_where_it_ended_and_what_was_refused(self) -> None:
        (drawing,) = diagrams(FSM, play(get_chapter("transitions")))
        assert drawing.sentences[0] == "Now inactive."
        assert "inactive to published is refused." in drawing.sentences

    def test_a_model_without_states_has_no_picture(self) -> None:
        assert diagrams(SoftDelete) == []


class TestTimeline:
    NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def test_it_says_when_each_event_was_and_what_it_changed(self) -> None:
        drawing = timeline(
            "A page",
            [
                Event("insert", self.NOON, {}, {}),
                Event("update", self.NOON + timedelta(milliseconds=5), {"text": ["a", "b"]}, {}),
            ],
        )
        assert drawing.sentences == ["insert +0.0 ms", "update +5.0 ms, text from a to b"]

    def test_stops_stand_below_the_changes_of_the_one_before(self) -> None:
        diff = {"text": ["a", "b"], "title": ["c", "d"]}
        drawing = timeline("A page", [Event("update", self.NOON, diff, {})] * 2)
        assert drawing.stops[0].changes[-1].y < drawing.stops[1].y

    def test_a_long_value_is_cut(self) -> None:
        event = Event("update", self.NOON, {"text": ["x" * 100, "y"]}, {})
        assert timeline("A page", [event]).stops[0].changes[0].old.endswith("x…")
