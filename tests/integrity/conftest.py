from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest
from django.db import (
    DEFAULT_DB_ALIAS,
    DatabaseError,
    connection,
    connections,
    models,
    transaction,
)

from integrity import catalog

from .models import ElsewhereGuest, ElsewhereMember, ElsewhereTeam, Guest, Member, Team

numbers = count(1)


@dataclass(frozen=True)
class Family:
    """Models of one shape. A guest is a near miss of a member."""

    team: Any
    member: Any
    guest: Any

    def row(self, **values: Any) -> dict[str, Any]:
        """The values of a person that breaks no rule, changed by these."""
        number = next(numbers)
        team = values.pop("team", None) or self.team.objects.create(name=f"team {number}")
        unique = {"email": f"{number}@a", "phone": f"+{number}", "nick": number, "code": number}
        return {"team": team} | unique | values


PUBLIC = Family(Team, Member, Guest)
ELSEWHERE = Family(ElsewhereTeam, ElsewhereMember, ElsewhereGuest)


@pytest.fixture(params=[PUBLIC, ELSEWHERE], ids=["public", "elsewhere"])
def family(request: pytest.FixtureRequest) -> Family:
    """A family of models: in public, and in another schema with hostile names."""
    assert isinstance(request.param, Family)
    return request.param


def names(model: type[models.Model], kind: type[models.BaseConstraint]) -> list[str]:
    """Return the names of the model's constraints of this kind."""
    return [constraint.name for constraint in model._meta.constraints if type(constraint) is kind]


@pytest.fixture(autouse=True)
def _forget_the_catalog() -> Iterator[None]:
    """Tests create constraints by hand, and drop them."""
    catalog.forget()
    yield
    catalog.forget()


@pytest.fixture(params=["C", "de_DE.UTF-8"])
def language(request: pytest.FixtureRequest, db: None) -> str:
    """The language of the server's messages; skipped where it does not speak it."""
    if request.param == "C":
        return "C"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lc_messages', %s, true)", [request.param])
    except DatabaseError:
        pytest.skip(f"the server's machine has no locale {request.param}, or we may not set it")
    if "Division durch Null" not in str(refusal("SELECT 1 / 0")):
        pytest.skip("the server was built without translations")
    return str(request.param)


@contextmanager
def refused() -> Iterator[list[DatabaseError]]:
    """Collect the error that PostgreSQL raises in the block, which is rolled back."""
    errors: list[DatabaseError] = []
    try:
        with transaction.atomic():
            yield errors
    except DatabaseError as error:
        errors.append(error)
    else:
        pytest.fail("PostgreSQL refused nothing")


def refusal(statement: str, parameters: list[Any] | None = None) -> DatabaseError:
    """The error that PostgreSQL raises for a statement."""
    with refused() as errors, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
    return errors[0]


def refused_creation(model: Any, **values: Any) -> DatabaseError:
    """The error that PostgreSQL raises for a new row."""
    with refused() as errors:
        model.objects.create(**values)
    return errors[0]


@contextmanager
def second_database(name: str | None = None) -> Iterator[str]:
    """A second alias: of the test database, or of the server's database of this name."""
    alias = "integrity_second"
    second = connections[DEFAULT_DB_ALIAS].copy(alias)
    second.settings_dict["NAME"] = name or second.settings_dict["NAME"]
    # pytest-django allows a connection that was made before its alias was known.
    second.ensure_connection()
    connections[alias] = second
    connections.settings[alias] = second.settings_dict
    try:
        yield alias
    finally:
        second.close()
        del connections[alias]
        del connections.settings[alias]


# Only these tables are emptied after a test: a rule of another app may refuse TRUNCATE.
committing = pytest.mark.django_db(transaction=True, available_apps=["tests.integrity"])


def add_rule(constraint: str = "", table: str = "integrity_tests_team", *, index: str = "") -> None:
    """Give a table a rule that only the database knows: a constraint by_hand, or other SQL."""
    with connection.cursor() as cursor:
        cursor.execute(index or f"ALTER TABLE {table} ADD CONSTRAINT by_hand {constraint}")
