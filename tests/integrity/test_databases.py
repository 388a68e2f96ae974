"""Rules ask only the database that reported the error."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, IntegrityError, connections, transaction

from integrity import catalog, constraints
from integrity.conversion import ForeignKey, PrimaryKey, Unique, refine_integrity_error

from .models import Guest, Member, Team

pytestmark = pytest.mark.django_db(databases=["default", "other"])
ALIASES = ["default", "other"]


class Forbidden(AssertionError):
    """Raise the error of Django's TestCase for a database that the test does not declare."""


class Taken(Exception):
    """An e-mail address that is there already."""


@pytest.fixture(params=ALIASES)
def alias(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The alias that may be asked; the other connection is open, and forbidden from now on."""
    allowed = str(request.param)
    for each in ALIASES:
        connections[each].ensure_connection()
    Team.objects.using(allowed).create(pk=1, name="one")
    row = {"team_id": 1, "email": "a@b", "phone": "1", "nick": "n", "code": "c"}
    Member.objects.using(allowed).create(**row)

    def forbid(*args: object) -> None:
        raise Forbidden

    [forbidden] = {*ALIASES} - {allowed}
    monkeypatch.setattr(connections[forbidden], "cursor", forbid)
    monkeypatch.setattr(connections[forbidden], "copy", forbid)
    catalog.forget()
    yield allowed
    catalog.forget()


def create(alias: str) -> None:
    row = {"team_id": 1, "email": "a@b", "phone": "2", "nick": "m", "code": "d"}
    with transaction.atomic(using=alias):
        Member.objects.using(alias).create(**row)


def refer_to_nothing(alias: str) -> None:
    Member.objects.using(alias).update(team_id=404)
    constraints.set_all_immediate(using=alias)


def test_a_rule_that_matches(alias: str) -> None:
    with (
        pytest.raises(Taken),
        refine_integrity_error([(Unique(Member, ["email"]), Taken)]),
    ):
        create(alias)


def test_rules_that_do_not_match(alias: str) -> None:
    rules = [(PrimaryKey(Member), Taken), (Unique(Guest, ["email"]), Taken)]
    with pytest.raises(IntegrityError), refine_integrity_error(rules):
        create(alias)


def test_an_error_of_a_deferred_constraint(alias: str) -> None:
    with (
        pytest.raises(Taken),
        refine_integrity_error([(ForeignKey(Member, "team"), Taken)]),
        transaction.atomic(using=alias),
    ):
        refer_to_nothing(alias)


def test_an_error_without_a_traceback_is_of_the_database_that_is_written(alias: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        create(alias)
    error = caught.value.__cause__
    assert error is not None
    expected = "default"  # the router's
    assert catalog.database_of(error, Member) == alias
    assert catalog.database_of(error.with_traceback(None), Member) == expected
