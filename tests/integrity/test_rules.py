"""Each rule: a hit, a near miss of another model, a near miss of another field.

In two families of models, one of them in another schema with hostile names, and in two languages
of the server.
"""

from dataclasses import astuple
from typing import Any

import pytest
from django.contrib.postgres.constraints import ExclusionConstraint
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, connection
from django.db.backends.postgresql.psycopg_any import NumericRange
from django.db.models import CheckConstraint
from psycopg import sql

from integrity import constraints
from integrity.conversion import (
    Check,
    Exclusion,
    ForeignKey,
    ModelHasNoPrimaryKey,
    Named,
    NotAForeignKey,
    NotNull,
    OutOfRange,
    PrimaryKey,
    RuleCannotMatch,
    Trigger,
    Unique,
)
from integrity.declarations import table_of

from .conftest import PUBLIC, Family, names, refusal, refused, refused_creation
from .models import Child, Guest, Member, MemberProxy, Parent, Person, Seat, Team, Unchecked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("language")]


class TestNamed:
    def test_matches_the_constraint_of_that_name(self, family: Family) -> None:
        score, _ = names(family.member, CheckConstraint)
        error = refused_creation(family.member, **family.row(score=-1))
        # PostgreSQL keeps 63 bytes of a name, and a doubled quote once.
        assert Named(score).is_match(error)

    def test_does_not_match_the_constraint_of_another_model(self, family: Family) -> None:
        score, _ = names(family.guest, CheckConstraint)
        assert not Named(score).is_match(refused_creation(family.member, **family.row(score=-1)))

    def test_does_not_match_another_constraint(self, family: Family) -> None:
        _, top_score = names(family.member, CheckConstraint)
        error = refused_creation(family.member, **family.row(score=-1))
        assert not Named(top_score).is_match(error)

    def test_matches_a_constraint_of_a_domain(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE DOMAIN short AS text CONSTRAINT is_short CHECK (length(value) < 3)"
            )
        assert Named("is_short").is_match(refusal("SELECT 'long'::short"))

    def test_does_not_match_an_error_that_python_raised(self) -> None:
        assert not Named("score").is_match(IntegrityError("score"))

    def test_an_empty_name_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match="empty"):
            Named("")


class TestUnique:
    def error(self, family: Family, **values: Any) -> Exception:
        """The error for two rows that have these values."""
        family.member.objects.create(**family.row(**values))
        return refused_creation(family.member, **family.row(**values))

    def test_matches_a_unique_field(self, family: Family) -> None:
        assert Unique(family.member, ("email",)).is_match(self.error(family, email="x"))

    @pytest.mark.parametrize(
        "value", ["a)=(b", "a\nb", "Key (phone)=(1) already exists.", "«'\"%s"]
    )
    def test_matches_whatever_the_value(self, family: Family, value: str) -> None:
        error = self.error(family, email=value)
        assert Unique(family.member, ("email",)).is_match(error)
        assert not Unique(family.member, ("phone",)).is_match(error)

    def test_does_not_match_another_model(self, family: Family) -> None:
        assert not Unique(family.guest, ("email",)).is_match(self.error(family, email="x"))

    def test_does_not_match_another_field(self, family: Family) -> None:
        assert not Unique(family.member, ("phone",)).is_match(self.error(family, email="x"))

    @pytest.mark.parametrize("fields", [("team", "nick"), ("nick", "team"), ("nick", "team_id")])
    def test_matches_several_fields_in_any_order_and_spelling(
        self, family: Family, fields: tuple[str, ...]
    ) -> None:
        team = family.team.objects.create(name="a")
        assert Unique(family.member, fields).is_match(self.error(family, team=team, nick="x"))

    def test_does_not_match_some_of_the_fields(self, family: Family) -> None:
        error = self.error(family, email="x")
        assert not Unique(family.member, ("nick", "team")).is_match(error)

    def test_matches_an_expression_over_the_field(self, family: Family) -> None:
        family.member.objects.create(**family.row(code="x"))
        error = refused_creation(family.member, **family.row(code="X"))
        assert Unique(family.member, ("code",)).is_match(error)
        assert not Unique(family.member, ("email",)).is_match(error)
        assert not Unique(family.guest, ("code",)).is_match(error)

    def test_matches_a_constraint_with_a_condition(self, family: Family) -> None:
        error = self.error(family, slot=1)
        assert Unique(family.member, ("slot",)).is_match(error)
        assert not Unique(family.member, ("email",)).is_match(error)
        assert not Unique(family.guest, ("slot",)).is_match(error)

    def test_does_not_take_the_columns_beside_an_expression_for_all(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE integrity_tests_member"
                " DROP CONSTRAINT integrity_tests_member_email_key;"
                "CREATE UNIQUE INDEX by_hand ON integrity_tests_member (email, lower(phone))"
            )
        Member.objects.create(**PUBLIC.row(email="x", phone="y"))
        error = refused_creation(Member, **PUBLIC.row(email="x", phone="Y"))
        assert Named("by_hand").is_match(error)
        assert not Unique(Member, ("email",)).is_match(error)

    def test_columns_that_an_index_only_includes_do_not_count(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE integrity_tests_member"
                " DROP CONSTRAINT integrity_tests_member_email_key;"
                "CREATE UNIQUE INDEX ON integrity_tests_member (email) INCLUDE (phone)"
            )
        assert Unique(Member, ("email",)).is_match(self.error(PUBLIC, email="x"))

    def test_does_not_take_a_check_of_the_same_name_for_the_index(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE UNIQUE INDEX same ON integrity_tests_member (score);"
                "ALTER TABLE integrity_tests_member ADD CONSTRAINT same CHECK (phone <> '')"
            )
        Member.objects.create(**PUBLIC.row(score=1))
        error = refused_creation(Member, **PUBLIC.row(score=1))
        assert Named("same").is_match(error)
        assert not Unique(Member, ("phone",)).is_match(error)

    def test_matches_the_primary_key_by_its_field(self, family: Family) -> None:
        assert Unique(family.member, ("id",)).is_match(self.error(family, id=1))

    def test_matches_a_through_table_of_many_to_many(self) -> None:
        from django.contrib.auth.models import Group, Permission

        through = Group.permissions.through
        group, permission = Group.objects.create(name="a"), Permission.objects.first()
        through.objects.create(group=group, permission=permission)
        error = refused_creation(through, group=group, permission=permission)
        assert Unique(through, ("permission", "group")).is_match(error)

    def test_a_parents_field_is_in_the_parents_table(self) -> None:
        Parent.objects.create(name="x")
        error = refused_creation(Child, name="x", toy="y")
        assert Unique(Child, ("name",)).is_match(error)
        assert Unique(Parent, ("name",)).is_match(error)
        assert not Unique(Child, ("toy",)).is_match(error)

    def test_fields_of_several_tables_are_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match="several tables"):
            Unique(Child, ("name", "toy"))

    def test_an_unknown_field_is_refused(self, family: Family) -> None:
        with pytest.raises(FieldDoesNotExist):
            Unique(family.member, ("shoe_size",))

    def test_fields_that_are_not_unique_are_refused(self, family: Family) -> None:
        with pytest.raises(RuleCannotMatch, match=r"declares nothing unique over score"):
            Unique(family.member, ("score",))

    def test_a_string_for_the_fields_is_refused(self, family: Family) -> None:
        with pytest.raises(RuleCannotMatch, match="tuple of field names, found 'email'"):
            Unique(family.member, "email")

    def test_an_abstract_model_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match="abstract"):
            Unique(Person, ("email",))


class TestPrimaryKey:
    def error(self, family: Family) -> Exception:
        family.member.objects.create(**family.row(id=1))
        return refused_creation(family.member, **family.row(id=1))

    def test_matches_the_primary_key(self, family: Family) -> None:
        assert PrimaryKey(family.member).is_match(self.error(family))

    def test_does_not_match_another_model(self, family: Family) -> None:
        assert not PrimaryKey(family.guest).is_match(self.error(family))

    def test_does_not_match_another_field(self, family: Family) -> None:
        family.member.objects.create(**family.row(email="x"))
        error = refused_creation(family.member, **family.row(email="x"))
        assert not PrimaryKey(family.member).is_match(error)

    def test_matches_a_composite_primary_key(self) -> None:
        Seat.objects.create(row=1, number=1, ticket=1)
        error = refused_creation(Seat, row=1, number=1, ticket=2)
        assert PrimaryKey(Seat).is_match(error)
        assert Unique(Seat, ("number", "row")).is_match(error)
        assert not Unique(Seat, ("ticket",)).is_match(error)

    def test_a_model_without_primary_key_is_refused(self) -> None:
        with pytest.raises(ModelHasNoPrimaryKey, match="abstract"):
            PrimaryKey(Person)


class TestNotNull:
    def test_matches_the_field(self, family: Family) -> None:
        error = refused_creation(family.member, **family.row(email=None))
        assert NotNull(family.member, "email").is_match(error)

    @pytest.mark.parametrize("name", ["team", "team_id"])
    def test_matches_a_foreign_key_by_either_name(self, family: Family, name: str) -> None:
        error = refused_creation(family.member, **(family.row() | {"team": None}))
        assert NotNull(family.member, name).is_match(error)

    def test_does_not_match_another_model(self, family: Family) -> None:
        error = refused_creation(family.member, **family.row(email=None))
        assert not NotNull(family.guest, "email").is_match(error)

    def test_does_not_match_another_field(self, family: Family) -> None:
        error = refused_creation(family.member, **family.row(email=None))
        assert not NotNull(family.member, "phone").is_match(error)

    def test_a_field_that_may_be_null_is_refused(self, family: Family) -> None:
        with pytest.raises(RuleCannotMatch, match="may be null"):
            NotNull(family.member, "slot")

    def test_an_unknown_field_is_refused(self, family: Family) -> None:
        with pytest.raises(FieldDoesNotExist):
            NotNull(family.member, "shoe_size")

    def test_a_field_without_column_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match="no column"):
            NotNull(Team, "member_set")


class TestForeignKey:
    def error(self, family: Family) -> Exception:
        with refused() as errors:
            family.member.objects.create(**(family.row() | {"team": None, "team_id": 0}))
            constraints.set_all_immediate()
        return errors[0]

    def test_matches_a_row_that_refers_to_nothing(self, family: Family) -> None:
        assert ForeignKey(family.member, "team").is_match(self.error(family))
        assert ForeignKey(family.member, "team_id").is_match(self.error(family))

    def test_does_not_match_another_model(self, family: Family) -> None:
        assert not ForeignKey(family.guest, "team").is_match(self.error(family))

    def test_does_not_match_another_field(self, family: Family) -> None:
        assert not ForeignKey(family.member, "second_team").is_match(self.error(family))

    def test_matches_the_deletion_of_a_row_that_is_referred_to(self, family: Family) -> None:
        member = family.member.objects.create(**family.row())
        with refused() as errors:
            family.team.objects.filter(pk=member.team.pk)._raw_delete(using="default")
            constraints.set_all_immediate()
        assert ForeignKey(family.member, "team").is_match(errors[0])
        assert not ForeignKey(family.member, "second_team").is_match(errors[0])
        assert not ForeignKey(family.guest, "team").is_match(errors[0])

    def test_matches_on_delete_restrict(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE integrity_tests_member ADD CONSTRAINT by_hand"
                " FOREIGN KEY (team_id) REFERENCES integrity_tests_team ON DELETE RESTRICT"
            )
        member = Member.objects.create(**PUBLIC.row())
        error = refusal("DELETE FROM integrity_tests_team WHERE id = %s", [member.team_id])
        assert Named("by_hand").is_match(error)
        assert ForeignKey(Member, "team").is_match(error)

    def test_a_field_that_is_no_foreign_key_is_refused(self, family: Family) -> None:
        with pytest.raises(NotAForeignKey, match="CharField"):
            ForeignKey(family.member, "email")

    def test_an_unknown_field_is_refused(self, family: Family) -> None:
        with pytest.raises(FieldDoesNotExist):
            ForeignKey(family.member, "shoe_size")

    def test_a_foreign_key_that_postgresql_does_not_check_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match="db_constraint=False"):
            ForeignKey(Unchecked, "team")


class TestCheck:
    def error(self, family: Family) -> Exception:
        return refused_creation(family.member, **family.row(score=-1))

    def test_matches_the_constraint(self, family: Family) -> None:
        score, _ = names(family.member, CheckConstraint)
        assert Check(family.member, score).is_match(self.error(family))

    def test_does_not_match_another_model(self, family: Family) -> None:
        score, _ = names(family.guest, CheckConstraint)
        assert not Check(family.guest, score).is_match(self.error(family))

    def test_does_not_match_another_constraint(self, family: Family) -> None:
        _, top_score = names(family.member, CheckConstraint)
        assert not Check(family.member, top_score).is_match(self.error(family))

    def test_does_not_match_a_constraint_of_that_name_on_another_table(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE integrity_tests_team ADD CONSTRAINT member_score CHECK (name <> '')"
            )
        error = refused_creation(Team, name="")
        assert Named("member_score").is_match(error)
        assert not Check(Member, "member_score").is_match(error)

    def test_matches_the_check_that_a_positive_field_brings(self) -> None:
        error = refusal(
            "UPDATE integrity_tests_member SET age = -1 WHERE id = %s",
            [Member.objects.create(**PUBLIC.row()).pk],
        )
        assert Check(Member, "integrity_tests_member_age_check").is_match(error)

    def test_a_proxys_constraints_are_those_of_its_table(self) -> None:
        error = refused_creation(MemberProxy, **PUBLIC.row(score=-1))
        assert Check(MemberProxy, "member_score").is_match(error)
        assert Check(Member, "member_score").is_match(error)

    def test_a_constraint_that_the_model_does_not_declare_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match=r"no check constraint 'shoe'; it has none"):
            Check(Team, "shoe")


class TestExclusion:
    def error(self, family: Family) -> Exception:
        family.member.objects.create(**family.row(span=NumericRange(1, 5)))
        return refused_creation(family.member, **family.row(span=NumericRange(2, 3)))

    def test_matches_the_constraint(self, family: Family) -> None:
        span, _ = names(family.member, ExclusionConstraint)
        assert Exclusion(family.member, span).is_match(self.error(family))

    def test_does_not_match_another_model(self, family: Family) -> None:
        span, _ = names(family.guest, ExclusionConstraint)
        assert not Exclusion(family.guest, span).is_match(self.error(family))

    def test_does_not_match_another_constraint(self, family: Family) -> None:
        _, other_span = names(family.member, ExclusionConstraint)
        assert not Exclusion(family.member, other_span).is_match(self.error(family))

    def test_a_constraint_that_the_model_does_not_declare_is_refused(self) -> None:
        with pytest.raises(RuleCannotMatch, match=r"no exclusion constraint 'shoe'; .* guest_span"):
            Exclusion(Guest, "shoe")


class TestOutOfRange:
    @pytest.mark.parametrize(("field", "value"), [("small", 2**15), ("score", 2**31)])
    def test_matches_a_number_outside_its_columns_range(
        self, family: Family, field: str, value: int
    ) -> None:
        error = refused_creation(family.member, **family.row(**{field: value}))
        assert OutOfRange().is_match(error)

    def test_matches_a_sequence_that_has_run_out(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SEQUENCE short START 2 MAXVALUE 2; SELECT nextval('short')")
        assert OutOfRange().is_match(refusal("SELECT nextval('short')"))

    def test_does_not_match_another_error_of_the_data(self, family: Family) -> None:
        assert not OutOfRange().is_match(refused_creation(family.team, name="x" * 21))


class TestTrigger:
    """The triggers are written here by hand, as an engine would."""

    @pytest.fixture(autouse=True)
    def _triggers(self, family: Family) -> None:
        self.family = family
        self.protect(family.member, "keep_members", "integrity_tests.%s:keep_members")
        self.protect(family.member, "keep", "integrity_tests.%s:keep more text")
        self.protect(family.guest, "keep_members", "integrity_tests.%s:keep_members")

    def protect(self, model: Any, name: str, comment: str) -> None:
        """Refuse every deletion of a row whose email is the trigger's name."""
        table = sql.Identifier(*filter(None, astuple(table_of(model))))
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL(PROTECTION).format(
                    schema=sql.Literal(table_of(model).schema or "public"),
                    table=table,
                    table_name=sql.Literal(table_of(model).name),
                    function=sql.Identifier(f"{model.__name__}_{name}"),
                    column=sql.Identifier(model._meta.get_field("email").column),
                    trigger=sql.Identifier(name),
                    name=sql.Literal(name),
                    comment=sql.Literal(comment % model.__name__),
                )
            )

    def error(self, model: Any, name: str) -> Exception:
        row = model.objects.create(**self.family.row(email=name))
        with refused() as errors:
            row.delete()
        return errors[0]

    def test_matches_the_trigger(self) -> None:
        error = self.error(self.family.member, "keep_members")
        assert Trigger(self.family.member, "keep_members").is_match(error)

    def test_matches_whatever_follows_the_uri_in_the_comment(self) -> None:
        error = self.error(self.family.member, "keep")
        assert Trigger(self.family.member, "keep").is_match(error)

    def test_does_not_match_another_model(self) -> None:
        error = self.error(self.family.member, "keep_members")
        assert not Trigger(self.family.guest, "keep_members").is_match(error)

    def test_does_not_match_another_trigger(self) -> None:
        error = self.error(self.family.member, "keep_members")
        assert not Trigger(self.family.member, "keep").is_match(error)

    def test_does_not_match_another_kind_of_violation(self) -> None:
        error = refused_creation(self.family.member, **self.family.row(score=-1))
        assert not Trigger(self.family.member, "keep").is_match(error)

    def test_a_trigger_that_the_table_does_not_have_is_refused_when_it_might_match(self) -> None:
        error = self.error(self.family.member, "keep_members")
        rule = Trigger(self.family.member, "kep_members")
        with pytest.raises(RuleCannotMatch, match=r":kep_members; it has .*:keep, .*:keep_members"):
            rule.is_match(error)


PROTECTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.{column} = {name} THEN
        RAISE EXCEPTION USING ERRCODE = '23000', MESSAGE = 'no', CONSTRAINT = {name},
            SCHEMA = {schema}, TABLE = {table_name};
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER {trigger} BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {function}();
COMMENT ON TRIGGER {trigger} ON {table} IS {comment};
"""
