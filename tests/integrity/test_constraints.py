from typing import Any

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connection, transaction

from integrity.constraints import (
    NotAForeignKey,
    NotDeferrable,
    NotInTransaction,
    UnknownConstraint,
    foreign_key_constraint_name,
    immediate,
    rehearse,
    set_all_immediate,
    set_deferred,
    set_immediate,
)
from tests import savepoint_create

from .conftest import Family, committing, second_database
from .models import Child, Member, Prompt, Team, Unchecked

RANK, PLACE = "prompt_rank", "prompt_place"  # INITIALLY IMMEDIATE, INITIALLY DEFERRED


def is_checked_at_once(name: str) -> bool:
    """Return whether INSERT refuses a violation of the constraint on Prompt's column."""
    value = {RANK: {"rank": 1}, PLACE: {"place": 1}}[name]
    with transaction.atomic():
        sid = savepoint_create()
        try:
            with transaction.atomic():
                for other in (1, 2):
                    Prompt.objects.create(**({"rank": -other, "place": -other} | value))
        except IntegrityError:
            return True
        finally:
            transaction.savepoint_rollback(sid)
    return False


@pytest.mark.django_db
class TestImmediate:
    def test_a_deferred_constraint_is_checked_at_once_within(self) -> None:
        assert not is_checked_at_once(PLACE)
        with immediate([PLACE]):
            assert is_checked_at_once(PLACE)
        assert not is_checked_at_once(PLACE)

    def test_an_initially_immediate_constraint_stays_immediate(self) -> None:
        with immediate([RANK, PLACE]):
            pass
        assert is_checked_at_once(RANK)
        assert not is_checked_at_once(PLACE)

    def test_a_constraint_that_was_set_deferred_is_deferred_again(self) -> None:
        set_deferred([RANK])
        with immediate([RANK]):
            assert is_checked_at_once(RANK)
        assert not is_checked_at_once(RANK)

    def test_a_constraint_that_was_set_immediate_stays_immediate(self) -> None:
        set_immediate([PLACE])
        with immediate([PLACE]):
            pass
        assert is_checked_at_once(PLACE)

    def test_after_all_were_set_immediate_it_stays_immediate(self) -> None:
        set_all_immediate()
        with immediate([PLACE]):
            pass
        assert is_checked_at_once(PLACE)

    def test_what_was_set_after_all_were_counts(self) -> None:
        set_all_immediate()
        set_deferred([PLACE])
        with immediate([PLACE]):
            pass
        assert not is_checked_at_once(PLACE)

    def test_what_a_savepoint_has_taken_back_does_not_count(self) -> None:
        sid = savepoint_create()
        set_deferred([RANK])
        transaction.savepoint_rollback(sid)
        with immediate([RANK]):
            pass
        assert is_checked_at_once(RANK)

    def test_nested_ones_are_put_back_one_by_one(self) -> None:
        with immediate([PLACE]):
            with immediate([PLACE]):
                pass
            assert is_checked_at_once(PLACE)
        assert not is_checked_at_once(PLACE)

    def test_a_pending_violation_is_raised_on_entry_and_the_transaction_goes_on(self) -> None:
        for rank in (1, 2):
            Prompt.objects.create(rank=rank, place=1)
        with pytest.raises(IntegrityError) as raised, immediate([PLACE]):
            pytest.fail("the block was entered")
        assert raised.value.__cause__.diag.constraint_name == PLACE
        assert Prompt.objects.count() == 2
        Prompt.objects.all().delete()
        assert not is_checked_at_once(PLACE)

    def test_after_a_caught_error_the_transaction_goes_on(self) -> None:
        Prompt.objects.create(rank=1, place=1)
        with pytest.raises(IntegrityError), immediate([PLACE]):
            Prompt.objects.create(rank=2, place=1)
        assert Prompt.objects.count() == 1

    def test_an_exception_takes_back_what_the_block_wrote(self) -> None:
        def write_and_fail() -> None:
            Prompt.objects.create(rank=1, place=1)
            raise KeyError

        with pytest.raises(KeyError), immediate([PLACE]):
            write_and_fail()
        assert Prompt.objects.count() == 0

    def test_it_is_put_back_after_an_exception(self) -> None:
        with pytest.raises(KeyError), immediate([PLACE]):
            raise KeyError
        assert not is_checked_at_once(PLACE)

    def test_an_error_of_the_database_is_raised_as_it_is(self) -> None:
        with pytest.raises(IntegrityError), transaction.atomic(), immediate([PLACE]):
            Prompt.objects.bulk_create([Prompt(rank=1, place=1), Prompt(rank=2, place=1)])
        assert not is_checked_at_once(PLACE)

    def test_an_error_of_raw_sql_is_raised_as_it_is(self) -> None:
        with (
            pytest.raises(IntegrityError),
            transaction.atomic(),
            immediate([PLACE]),
            connection.cursor() as cursor,
        ):
            cursor.execute("INSERT INTO integrity_tests_prompt (rank, place) VALUES (1, 1), (2, 1)")
        assert not is_checked_at_once(PLACE)

    def test_it_decorates_a_function(self) -> None:
        @immediate([PLACE])
        def check() -> bool:
            return is_checked_at_once(PLACE)

        assert check()
        assert not is_checked_at_once(PLACE)

    def test_an_unknown_name_is_refused_and_the_transaction_goes_on(self) -> None:
        with pytest.raises(UnknownConstraint, match="named 'shoe'"), immediate(["shoe"]):
            pytest.fail("the block was entered")
        assert Prompt.objects.count() == 0

    def test_a_string_is_refused(self) -> None:
        with pytest.raises(TypeError, match="collection of constraint names"), immediate(PLACE):
            pytest.fail("the block was entered")

    def test_a_constraint_in_a_schema_outside_the_search_path(self, family: Family) -> None:
        name = foreign_key_constraint_name(family.member, "team")
        with pytest.raises(IntegrityError), transaction.atomic(), immediate([name]):
            family.member.objects.create(**(family.row() | {"team": None, "team_id": 0}))

    def test_a_constraint_trigger(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(CONSTRAINT_TRIGGER)
        with transaction.atomic():
            Team.objects.create(name="a")
            with pytest.raises(IntegrityError):
                set_immediate(["no teams"])
            transaction.set_rollback(True)

    def test_a_name_in_several_schemas_outside_the_search_path_is_refused(self) -> None:
        with connection.cursor() as cursor:
            for schema in ("a", "b"):
                cursor.execute(
                    f"CREATE SCHEMA {schema};"
                    f"CREATE TABLE {schema}.t (i int CONSTRAINT twice UNIQUE DEFERRABLE)"
                )
        with pytest.raises(UnknownConstraint, match=r"several schemas \(a, b\)"):
            set_deferred(["twice"])

    def test_of_several_schemas_the_first_in_the_search_path_is_meant(self) -> None:
        with connection.cursor() as cursor:
            for schema in ("a", "b"):
                cursor.execute(
                    f"CREATE SCHEMA {schema};"
                    f"CREATE TABLE {schema}.t (i int CONSTRAINT twice UNIQUE DEFERRABLE)"
                )
            cursor.execute("SET LOCAL search_path TO b, a, public")
            set_deferred(["twice"])
            cursor.execute("INSERT INTO b.t VALUES (1), (1)")
            with pytest.raises(IntegrityError), transaction.atomic():
                cursor.execute("INSERT INTO a.t VALUES (1), (1)")
            cursor.execute("DELETE FROM b.t")


CONSTRAINT_TRIGGER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no teams' USING ERRCODE = '23000';
END
$$;
CREATE CONSTRAINT TRIGGER "no teams" AFTER INSERT ON integrity_tests_team
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@pytest.mark.django_db
class TestSetting:
    def test_set_immediate(self) -> None:
        set_immediate([PLACE])
        assert is_checked_at_once(PLACE)

    def test_set_deferred(self) -> None:
        set_deferred([RANK])
        assert not is_checked_at_once(RANK)

    def test_set_all_immediate(self) -> None:
        set_deferred([RANK])
        set_all_immediate()
        assert is_checked_at_once(PLACE)
        assert is_checked_at_once(RANK)

    def test_a_pending_violation_is_raised(self) -> None:
        for rank in (1, 2):
            Prompt.objects.create(rank=rank, place=1)
        with pytest.raises(IntegrityError), transaction.atomic():
            set_all_immediate()
        with pytest.raises(IntegrityError), transaction.atomic():
            set_immediate([PLACE])
        Prompt.objects.all().delete()

    def test_no_names_change_nothing(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            set_immediate([])
            set_deferred(())

    def test_a_constraint_that_is_not_deferrable_cannot_be_deferred(self) -> None:
        with pytest.raises(NotDeferrable, match="NOT DEFERRABLE"):
            set_deferred(["member_score"])
        set_immediate(["member_score"])


@committing
class TestTransactions:
    @pytest.mark.parametrize("names", [[PLACE], []])
    def test_there_must_be_one(self, names: list[str]) -> None:
        for act in (set_immediate, set_deferred):
            with pytest.raises(NotInTransaction, match=r"transaction\.atomic"):
                act(names)
        with pytest.raises(NotInTransaction), immediate(names):
            pytest.fail("the block was entered")

    @pytest.mark.parametrize("act", [set_all_immediate, rehearse])
    def test_there_must_be_one_for_all_constraints(self, act: Any) -> None:
        with pytest.raises(NotInTransaction):
            act()

    def test_one_without_autocommit_is_one(self) -> None:
        transaction.set_autocommit(False)
        try:
            with immediate([PLACE]):
                assert is_checked_at_once(PLACE)
            assert not is_checked_at_once(PLACE)
        finally:
            transaction.rollback()
            transaction.set_autocommit(True)

    def test_the_next_one_starts_anew(self) -> None:
        with transaction.atomic():
            set_all_immediate()
            set_deferred([RANK])
        with transaction.atomic():
            with immediate([RANK, PLACE]):
                pass
            assert is_checked_at_once(RANK)
            assert not is_checked_at_once(PLACE)

    def test_each_database_has_its_own(self) -> None:
        with second_database() as second, transaction.atomic(), transaction.atomic(using=second):
            set_all_immediate(using=second)
            assert not is_checked_at_once(PLACE)
            assert foreign_key_constraint_name(Member, "team", using=second)
        with second_database() as second, transaction.atomic(), pytest.raises(NotInTransaction):
            set_all_immediate(using=second)


@committing
class TestRehearse:
    def test_raises_what_commit_would(self) -> None:
        with transaction.atomic():
            for rank in (1, 2):
                Prompt.objects.create(rank=rank, place=1)
            with pytest.raises(IntegrityError):
                rehearse()
            assert Prompt.objects.count() == 2
            Prompt.objects.all().delete()

    def test_constraints_stay_as_they_were(self) -> None:
        with transaction.atomic():
            rehearse()
            assert not is_checked_at_once(PLACE)

    def test_what_deferred_triggers_do_is_taken_back_and_done_once(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(COUNTING_TRIGGER)
            try:
                with transaction.atomic():
                    Team.objects.create(name="a")
                    rehearse()
                    assert Team.objects.get().motto == ""
                assert Team.objects.get().motto == "+"
            finally:
                cursor.execute("DROP FUNCTION add_one CASCADE")


COUNTING_TRIGGER = """
CREATE FUNCTION add_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE integrity_tests_team SET motto = motto || '+' WHERE id = NEW.id;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER add_one AFTER INSERT ON integrity_tests_team
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION add_one();
"""


@pytest.mark.django_db
class TestForeignKeyConstraintName:
    def test_it_is_the_catalogs(self, family: Family) -> None:
        name = foreign_key_constraint_name(family.member, "team")
        with connection.cursor() as cursor:
            cursor.execute("SELECT contype FROM pg_constraint WHERE conname = %s", [name])
            assert cursor.fetchall() == [("f",)]
        assert name != foreign_key_constraint_name(family.member, "second_team")

    def test_a_renamed_one_is_found(self) -> None:
        name = foreign_key_constraint_name(Member, "team")
        with connection.cursor() as cursor:
            cursor.execute(
                f'ALTER TABLE integrity_tests_member RENAME CONSTRAINT "{name}" TO "re named"'
            )
        assert foreign_key_constraint_name(Member, "team") == "re named"

    def test_of_several_it_is_the_one_to_the_related_table(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE integrity_tests_unchecked"
                " ADD CONSTRAINT a FOREIGN KEY (team_id) REFERENCES integrity_tests_prompt,"
                " ADD CONSTRAINT b FOREIGN KEY (team_id) REFERENCES integrity_tests_team,"
                " ADD CONSTRAINT c FOREIGN KEY (team_id) REFERENCES integrity_tests_prompt"
            )
        assert foreign_key_constraint_name(Unchecked, "team") == "b"

    def test_a_parent_link_is_one(self) -> None:
        assert "parent_ptr_id" in foreign_key_constraint_name(Child, "parent_ptr")

    def test_the_name_of_an_unknown_fields_constraint_is_an_error(
        self, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(0), pytest.raises(FieldDoesNotExist):
            foreign_key_constraint_name(Member, "shoe")

    def test_not_a_foreign_key(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0), pytest.raises(NotAForeignKey):
            foreign_key_constraint_name(Member, "email")

    def test_a_foreign_key_without_constraint(self) -> None:
        with pytest.raises(UnknownConstraint, match=r"integrity_tests\.Unchecked\.team"):
            foreign_key_constraint_name(Unchecked, "team")
