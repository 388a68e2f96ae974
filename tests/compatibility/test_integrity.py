"""The example and the functions in the documentation of django-integrity."""

import pytest
from django.core.exceptions import FieldDoesNotExist
from django.db import IntegrityError, models, transaction
from django.db.models.functions import Lower

from integrity import constraints, conversion
from tests.integrity.models import Member, Team

pytestmark = pytest.mark.django_db


class UserAlreadyExists(Exception): ...


class EmailCannotBeNull(Exception): ...


class EmailMustBeLowerCase(Exception): ...


@pytest.fixture
def user(create):
    """A model as in the example.

    Its table is made in the test's transaction, where only a savepoint lets a rule see it after an
    error: so the tests write inside ``atomic()``.
    """

    class User(models.Model):
        email = models.TextField(unique=True)

        class Meta:
            app_label = "compatibility"
            constraints = [
                models.CheckConstraint(
                    condition=models.Q(email=Lower("email")),
                    name="constraint_islowercase",
                )
            ]

    create(User)
    return User


@pytest.mark.parametrize(
    ("email", "expected"),
    [
        ("taken@example.org", UserAlreadyExists),
        (None, EmailCannotBeNull),
        ("Upper@example.org", EmailMustBeLowerCase),
    ],
)
def test_an_error_is_refined(user, email, expected):
    user.objects.create(email="taken@example.org")
    rules = [
        (conversion.Unique(model=user, fields=("email",)), UserAlreadyExists),
        (conversion.NotNull(model=user, field="email"), EmailCannotBeNull),
        (conversion.Named(name="constraint_islowercase"), EmailMustBeLowerCase),
    ]
    with (
        pytest.raises(expected),
        conversion.refine_integrity_error(rules),
        transaction.atomic(),
    ):
        user.objects.create(email=email)


def test_what_no_rule_matches_is_raised_as_it_was(user):
    user.objects.create(pk=1, email="a")
    rules = [(conversion.NotNull(model=user, field="email"), EmailCannotBeNull)]
    with pytest.raises(IntegrityError), conversion.refine_integrity_error(rules):
        user.objects.create(pk=1, email="b")


def test_an_exception_may_be_an_object(user):
    user.objects.create(pk=1, email="a")
    rules = [(conversion.PrimaryKey(model=user), UserAlreadyExists("one"))]
    with (
        pytest.raises(UserAlreadyExists, match="one"),
        conversion.refine_integrity_error(rules),
        transaction.atomic(),
    ):
        user.objects.create(pk=1, email="b")


def orphan(using="default"):
    row = {"email": "a", "phone": "1", "nick": "n", "code": "c"}
    Member.objects.using(using).create(team_id=404, **row)


def test_a_foreign_key_that_is_checked_at_once():
    name = constraints.foreign_key_constraint_name(Member, "team", using="default")
    rules = [(conversion.ForeignKey(model=Member, field="team"), Team.DoesNotExist)]
    with (
        transaction.atomic(),
        pytest.raises(Team.DoesNotExist),
        conversion.refine_integrity_error(rules),
        constraints.immediate(names=(name,), using="default"),
    ):
        orphan()


def test_constraints_until_the_end_of_the_transaction():
    name = constraints.foreign_key_constraint_name(Member, "team", using="default")
    with transaction.atomic():
        constraints.set_immediate(names=(name,), using="default")
        with pytest.raises(IntegrityError), transaction.atomic():
            orphan()
        transaction.set_rollback(True)
    with transaction.atomic():
        orphan()
        with pytest.raises(IntegrityError):
            constraints.set_all_immediate(using="default")
        transaction.set_rollback(True)
    with transaction.atomic():
        constraints.set_all_immediate(using="default")
        constraints.set_deferred(names=(name,), using="default")
        orphan()
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True, available_apps=["tests.integrity"])
@pytest.mark.parametrize("names", [(), ("some_constraint",)])
def test_they_need_a_transaction(names):
    with pytest.raises(constraints.NotInTransaction):
        constraints.set_immediate(names=names, using="default")
    with pytest.raises(constraints.NotInTransaction):
        constraints.set_deferred(names=names, using="default")
    with pytest.raises(constraints.NotInTransaction):
        constraints.set_all_immediate(using="default")
    with (
        pytest.raises(constraints.NotInTransaction),
        constraints.immediate(names=names, using="default"),
    ):
        pass


def test_what_is_not_a_foreign_key_or_has_no_key():
    class Base(models.Model):
        class Meta:
            abstract = True
            app_label = "compatibility"

    with pytest.raises(constraints.NotAForeignKey):
        constraints.foreign_key_constraint_name(Member, "email", using="default")
    with pytest.raises(FieldDoesNotExist):
        constraints.foreign_key_constraint_name(Member, "nix", using="default")
    with pytest.raises(conversion.ModelHasNoPrimaryKey):
        conversion.PrimaryKey(model=Base)
