"""A rule with ``mode="report"`` records what a role writes that may not write records itself."""

import pytest
from django.db import DatabaseError, connection, models, transaction

import pgtrigger
from pgtrigger.models import Violation
from pgtrigger.roles import attempts, privileges
from tests.pgtrigger.roles.conftest import execute


@pytest.fixture
def model(application, make_model):
    made = make_model(
        number=models.IntegerField(default=0),
        triggers=[
            pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mode="report"),
            pgtrigger.Protect(
                name="keep_all",
                operation=pgtrigger.Delete,
                level=pgtrigger.Statement,
                mode="report",
            ),
            pgtrigger.Version("number", mode="report"),
        ],
    )
    privileges.apply(privileges.Roles(app=application))
    return made


def test_the_application_writes_and_the_record_names_who_logged_in(application, model):
    model.objects.create()
    execute(f"SET LOCAL ROLE {application}")
    model.objects.all().delete()
    assert Violation.objects.filter(uri__startswith=model._meta.label).count() == 2
    [(user,)] = execute("SELECT session_user")
    assert Violation.objects.first().database_role == user


def test_the_application_can_read_records_and_not_forge_or_remove_them(application, model):
    model.objects.create()
    model.objects.all().delete()
    record = Violation.objects.first()
    execute(f"SET LOCAL ROLE {application}")
    assert Violation.objects.filter(pk=record.pk).exists()
    for write in (
        lambda: Violation.objects.create(detail={"uri": record.uri}, table_name=record.table_name),
        lambda: Violation.objects.update(message="another"),
        lambda: Violation.objects.all().delete(),
        lambda: execute(f"SELECT nextval('pgtrigger_reports_' || md5('{record.uri}'))"),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            write()


def test_the_check_as_the_application_finds_nothing(application, model):
    model.objects.create()
    results = attempts.run(application)
    assert [result for result in results if result.found or "not tried" in result.detail] == []


def test_the_application_may_be_limited_and_counted(application, model):
    model.objects.bulk_create(model() for _ in range(1010))
    execute(f"SET LOCAL ROLE {application}")
    model.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SELECT DISTINCT number FROM pgtrigger_violationcount")
        assert cursor.fetchall() == [(10,)]
