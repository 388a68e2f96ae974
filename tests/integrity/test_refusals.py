"""One sentence and one field for every kind of refusal."""

from contextlib import suppress
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import translation

from integrity import constraints
from integrity.refusals import Refused, refusable, refusal

from .conftest import PUBLIC, add_rule, refused_creation
from .conftest import refusal as refusal_of
from .models import Member, Parent, Seat, Team

pytestmark = pytest.mark.django_db


def explained(error: Exception) -> Refused:
    refused = refusal(error)
    assert refused is not None
    return refused


def twice(model: Any, **values: Any) -> Refused:
    model.objects.create(**PUBLIC.row(**values))
    return explained(refused_creation(model, **PUBLIC.row(**values)))


def test_unique_says_what_validation_would() -> None:
    refused = twice(Member, email="x")
    assert (refused.model, refused.field, refused.code) == (Member, "email", "unique")
    assert refused.message == "Member with this Email already exists."
    assert str(refused) == "Email: Member with this Email already exists."


def test_unique_together_names_the_fields() -> None:
    refused = twice(Member, nick="x", team=Team.objects.create(name="a"))
    assert (refused.field, refused.code) == (None, "unique_together")
    assert str(refused) == "Member with this Team and Nick already exists."


def test_a_unique_constraint_with_a_condition_is_named() -> None:
    refused = twice(Member, slot=1)
    assert refused.field == "slot"
    assert refused.message == "Constraint “member_slot” is violated."


def test_an_expression_is_about_its_field() -> None:
    Member.objects.create(**PUBLIC.row(code="x"))
    refused = explained(refused_creation(Member, **PUBLIC.row(code="X")))
    assert refused.field == "code"
    assert refused.message == "Constraint “member_code” is violated."


def test_an_expression_that_only_the_database_knows_is_about_no_field() -> None:
    add_rule(index="CREATE UNIQUE INDEX by_hand ON integrity_tests_team (name, lower(motto))")
    Team.objects.create(name="a", motto="b")
    refused = explained(refused_creation(Team, name="a", motto="B"))
    assert refused.field is None
    assert "“by_hand”" in refused.message


def test_null_says_what_validation_would() -> None:
    refused = explained(refused_creation(Member, **PUBLIC.row(email=None)))
    assert (refused.field, refused.code) == ("email", "null")
    assert str(refused) == "Email: This field cannot be null."


def test_a_check_says_what_its_constraint_says() -> None:
    refused = explained(refused_creation(Member, **PUBLIC.row(score=-1)))
    assert refused.field == "score"
    assert refused.message == "Constraint “member_score” is violated."


def test_a_foreign_key_says_the_same_of_both_sides() -> None:
    member = Member.objects.create(**PUBLIC.row())
    constraints.set_all_immediate()
    deletion = refusal_of("DELETE FROM integrity_tests_team WHERE id = %s", [member.team_id])
    insertion = refused_creation(Member, **(PUBLIC.row() | {"team": None, "team_id": 0}))
    for error in (deletion, insertion):
        refused = explained(error)
        assert (refused.model, refused.field, refused.code) == (Member, "team", "missing")
        assert refused.message == "The Team of every Member must exist."


def test_a_number_out_of_range_says_what_the_server_says() -> None:
    error = refused_creation(Member, **PUBLIC.row(score=2**31))
    refused = explained(error)
    assert (refused.model, refused.field, refused.code) == (None, None, "22003")
    said = error.__cause__.diag.message_primary
    assert refused.message == f"Refused by the database: {said}."


def test_a_partition_is_its_models_table() -> None:
    add_rule(
        index="DROP TABLE integrity_tests_parent CASCADE;"
        "CREATE TABLE integrity_tests_parent (id int, name text NOT NULL) PARTITION BY LIST (id);"
        "CREATE TABLE a_partition PARTITION OF integrity_tests_parent DEFAULT"
    )
    refused = explained(refusal_of("INSERT INTO integrity_tests_parent (id) VALUES (1)"))
    assert (refused.model, refused.field) == (Parent, "name")


def test_detail_and_hint_are_passed_on() -> None:
    refused = twice(Member, email="a)=(b")
    assert "(email)=(a)=(b)" in refused.detail
    assert refused.hint is None


def test_the_sentence_is_in_the_readers_language() -> None:
    with translation.override("de"):
        assert (
            twice(Member, email="x").message
            == "Member mit diesem Wert für das Feld Email existiert bereits."
        )


def test_what_the_server_did_not_say_is_no_refusal() -> None:
    assert refusal(IntegrityError("by hand")) is None


def test_a_block_raises_its_refusal_and_the_transaction_goes_on() -> None:
    Seat.objects.create(row=1, number=1, ticket=1)
    with pytest.raises(Refused) as raised, refusable():
        Seat.objects.create(row=1, number=2, ticket=1)
    assert isinstance(raised.value.__cause__, IntegrityError)
    assert Seat.objects.count() == 1


def test_an_error_that_was_swallowed_is_still_the_reason() -> None:
    """Django refuses every query after it, and names it as the cause."""
    Seat.objects.create(row=1, number=1, ticket=1)

    def swallow() -> None:
        with suppress(IntegrityError):
            Seat.objects.create(row=1, number=2, ticket=1)
        Seat.objects.count()

    with pytest.raises(Refused, match="Ticket"), refusable():
        swallow()
