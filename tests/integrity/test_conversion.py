import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.signals import connection_created

from integrity import constraints
from integrity.conversion import (
    ForeignKey,
    Named,
    NotNull,
    OutOfRange,
    Unique,
    refine_integrity_error,
)

from .conftest import PUBLIC, committing, second_database
from .models import Member, Team


class EmailTaken(Exception):
    pass


class Other(Exception):
    pass


RULES = [
    (NotNull(Member, "email"), Other),
    (Unique(Member, ("email",)), EmailTaken),
    (Named("integrity_tests_member_email_key"), Other),
]


@pytest.mark.django_db
class TestRefining:
    @pytest.fixture(autouse=True)
    def _member(self, db: None) -> None:
        self.row = PUBLIC.row(email="x")
        Member.objects.create(**PUBLIC.row(email="x"))

    def test_the_first_rule_that_matches_is_raised_from_the_error(self) -> None:
        with pytest.raises(EmailTaken) as raised, refine_integrity_error(RULES):
            Member.objects.create(**self.row)
        assert isinstance(raised.value.__cause__, IntegrityError)

    def test_postgresqls_detail_is_passed_on(self) -> None:
        with pytest.raises(EmailTaken) as raised, refine_integrity_error(RULES):
            Member.objects.create(**self.row)
        report: Any = raised.value.__cause__.__cause__
        assert "(email)=(x)" in report.diag.message_detail

    def test_what_no_rule_matches_is_raised_as_it_was(self) -> None:
        with pytest.raises(IntegrityError) as raised, refine_integrity_error(RULES[:1]):
            Member.objects.create(**self.row)
        assert raised.value.__cause__.diag.sqlstate == "23505"
        assert raised.value.__context__ is raised.value.__cause__

    def test_an_instance_is_raised_itself(self) -> None:
        taken = EmailTaken("choose another")
        with (
            pytest.raises(EmailTaken) as raised,
            refine_integrity_error([(RULES[1][0], taken)]),
        ):
            Member.objects.create(**self.row)
        assert raised.value is taken

    def test_a_data_error_is_refined_too(self) -> None:
        with pytest.raises(Other) as raised, refine_integrity_error([(OutOfRange(), Other)]):
            Member.objects.create(**PUBLIC.row(score=2**31))
        assert isinstance(raised.value.__cause__, DataError)

    def test_other_exceptions_pass(self) -> None:
        with pytest.raises(KeyError), refine_integrity_error(RULES):
            raise KeyError

    def test_the_rules_may_be_an_iterator(self) -> None:
        refining = refine_integrity_error(iter(RULES))
        for _ in range(2):
            with pytest.raises(EmailTaken), refining, transaction.atomic():
                Member.objects.create(**self.row)

    def test_it_decorates_a_function(self) -> None:
        @refine_integrity_error(RULES)
        def create(**values: Any) -> Member:
            """Creates."""
            return Member.objects.create(**values)

        assert create.__doc__ == "Creates."
        assert create(**PUBLIC.row(email="y")).email == "y"
        with pytest.raises(EmailTaken):
            create(**self.row)

    def test_it_refuses_to_decorate_a_generator(self) -> None:
        def create() -> Iterator[Member]:
            yield Member.objects.create(**self.row)

        with pytest.raises(TypeError, match="is a generator"):
            refine_integrity_error(RULES)(create)

    def test_in_a_failed_transaction_the_catalog_is_read_apart_and_once(self) -> None:
        made: list[Any] = []

        def note(**kwargs: Any) -> None:
            made.append(kwargs["connection"])

        connection_created.connect(note)
        for _ in range(2):
            with transaction.atomic():
                with pytest.raises(EmailTaken), refine_integrity_error(RULES):
                    Member.objects.create(**self.row)
                transaction.set_rollback(True)
            assert len(made) == 1
        assert made[0].connection is None  # it was closed

    def test_where_django_lets_nothing_through_the_catalog_is_read_apart(self) -> None:
        def create() -> None:
            try:
                with transaction.atomic():
                    Member.objects.create(**self.row)
            finally:
                transaction.set_rollback(True)

        with transaction.atomic(), pytest.raises(EmailTaken), refine_integrity_error(RULES):
            create()

    def test_the_catalog_is_read_without_a_pool(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with transaction.atomic():
            with pytest.raises(IntegrityError) as raised:
                Member.objects.create(**self.row)
            # A pool could not even be made: psycopg_pool is not installed.
            monkeypatch.setitem(connection.settings_dict["OPTIONS"], "pool", True)
            assert Unique(Member, ("email",)).is_match(raised.value)
            monkeypatch.undo()
            transaction.set_rollback(True)

    def test_nothing_is_asked_where_nothing_fails(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1), refine_integrity_error(RULES):
            Team.objects.create(name="a")


@committing
class TestWhereTheErrorSurfaces:
    def test_at_commit(self) -> None:
        rules = [(ForeignKey(Member, "team"), Other)]
        with pytest.raises(Other), refine_integrity_error(rules), transaction.atomic():
            Member.objects.create(**(PUBLIC.row() | {"team": None, "team_id": 0}))

    def test_in_autocommit(self) -> None:
        Member.objects.create(**PUBLIC.row(email="x"))
        with pytest.raises(EmailTaken), refine_integrity_error(RULES):
            Member.objects.create(**PUBLIC.row(email="x"))

    def test_at_once_with_immediate(self) -> None:
        name = constraints.foreign_key_constraint_name(Member, "team")
        row = PUBLIC.row() | {"team": None, "team_id": 0}
        with (
            transaction.atomic(),
            pytest.raises(Other),
            refine_integrity_error([(ForeignKey(Member, "team"), Other)]),
            transaction.atomic(),
            constraints.immediate([name]),
        ):
            Member.objects.create(**row)

    def test_on_a_second_database(self) -> None:
        with second_database() as second:
            team = Team.objects.using(second).create(name="a")
            row = PUBLIC.row(email="x", team=team)
            Member.objects.using(second).create(**row)
            with pytest.raises(EmailTaken), refine_integrity_error(RULES):
                Member.objects.using(second).create(**(row | {"phone": "2", "nick": "2"}))

    def test_on_another_database_than_the_router_names(self, settings: Any) -> None:
        Member.objects.create(**PUBLIC.row(email="x"))
        row = PUBLIC.row(email="x")
        row["team_id"] = row.pop("team").pk
        settings.DATABASE_ROUTERS = [ToSecond()]
        with second_database("postgres"), pytest.raises(EmailTaken), refine_integrity_error(RULES):
            Member.objects.using("default").create(**row)

    def test_async(self) -> None:
        async def create() -> None:
            row = await sync_to_async(PUBLIC.row)(email="x")
            async with refine_integrity_error(RULES):
                await Member.objects.acreate(**row)

        async_to_sync(create)()
        with pytest.raises(EmailTaken):
            async_to_sync(create)()

    def test_async_as_a_decorator(self) -> None:
        @refine_integrity_error(RULES)
        async def create() -> Member:
            return await Member.objects.acreate(**(await sync_to_async(PUBLIC.row)(email="x")))

        assert asyncio.iscoroutinefunction(create)
        assert async_to_sync(create)().email == "x"
        with pytest.raises(EmailTaken):
            async_to_sync(create)()

    def test_a_sync_block_in_async_code(self) -> None:
        async def create() -> None:
            row = await sync_to_async(PUBLIC.row)(email="x")
            with refine_integrity_error(RULES):
                await Member.objects.acreate(**row)

        async_to_sync(create)()
        with pytest.raises(EmailTaken):
            async_to_sync(create)()


class ToSecond:
    """A router that sends every write to a database which does not have the tables."""

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "integrity_second"
