"""Attacks that once succeeded for a role with privileges on tables and in one schema."""

import pytest
from django.db import models, transaction

import pghistory
import pgtrigger
from pghistory.models import Context
from pgtrigger.roles import privileges
from tests.pghistory.models import StatementLevel
from tests.pgtrigger.models import Plain
from tests.pgtrigger.roles.conftest import execute

BY_HAND = """
    CREATE FUNCTION by_hand() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
    AS 'BEGIN PERFORM ''a''::text; RETURN NEW; END';
    CREATE TRIGGER by_hand BEFORE UPDATE ON pgtrigger_tests_plain
    FOR EACH ROW EXECUTE FUNCTION by_hand()
"""


class TestBecomingASuperuser:
    """A domain in pg_temp, whose check runs as the owner of a SECURITY DEFINER function."""

    def plant(self, role):
        execute(f"SET LOCAL ROLE {role}")
        execute(
            "CREATE FUNCTION pg_temp.f(pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql "
            f"AS 'BEGIN ALTER ROLE {role} SUPERUSER; RETURN true; "
            "EXCEPTION WHEN insufficient_privilege THEN RETURN true; END'"
        )
        for name in ("text", "uuid", "jsonb", "int4", "int8", "bool", "timestamptz"):
            execute(
                f"CREATE DOMAIN pg_temp.{name} AS pg_catalog.{name} "
                "CHECK (pg_temp.f(VALUE::pg_catalog.text))"
            )
        execute("SET LOCAL pgtrigger.ignore = '{another}'")

    def is_superuser(self, role):
        execute("RESET ROLE")
        [(found,)] = execute("SELECT rolsuper FROM pg_roles WHERE rolname = %s", [role])
        return found

    def test_works_with_a_function_that_looks_into_pg_temp_first(self, application):
        """Otherwise the tests below would show nothing."""
        Plain.objects.create()
        execute(BY_HAND)
        self.plant(application)
        execute("UPDATE pgtrigger_tests_plain SET id = id")
        assert self.is_superuser(application)

    @pytest.mark.parametrize("path", [None, ["public"], ["pg_temp", "public"]])
    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement], ids=str)
    def test_does_not_work_with_a_trigger(self, application, path, level):
        Plain.objects.create()
        options = {} if path is None else {"search_path": path}
        trigger = pgtrigger.Trigger(
            name="definer",
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            level=level,
            func="PERFORM 'a'::text, 1::int8; RETURN NULL;",
            security="DEFINER",
            **options,
        )
        trigger.install(Plain)
        self.plant(application)
        execute("UPDATE pgtrigger_tests_plain SET id = id")
        assert not self.is_superuser(application)

    def test_does_not_work_with_history(self, application):
        with pghistory.context(user=1):
            StatementLevel.objects.create(number=1)
            self.plant(application)
            execute("UPDATE pghistory_tests_statementlevel SET number = 2")
        assert not self.is_superuser(application)
        assert StatementLevel.pgh_event_model.objects.count() == 2

    def test_does_not_work_with_a_rule_in_report_mode(self, application, make_model):
        model = make_model(
            number=models.IntegerField(default=0),
            triggers=[
                pgtrigger.Protect(name="keep", operation=pgtrigger.Update, mode="report"),
                pgtrigger.ReadOnly(
                    name="all", fields=["number"], level=pgtrigger.Statement, mode="report"
                ),
            ],
        )
        model.objects.create()
        privileges.apply(privileges.Roles(app=application))
        self.plant(application)
        execute(f"UPDATE {model._meta.db_table} SET number = 2")
        assert not self.is_superuser(application)


class TestAnOperatorThatIsAlwaysTrue:
    """``=`` in the role's own schema, which its search_path names first."""

    @pytest.fixture
    def evil(self, application):
        execute(f"CREATE SCHEMA evil AUTHORIZATION {application}")
        execute(f"SET LOCAL ROLE {application}")
        for name in ("int4", "int8", "text"):
            execute(
                f"CREATE FUNCTION evil.yes(pg_catalog.{name}, pg_catalog.{name}) "
                "RETURNS pg_catalog.bool LANGUAGE sql AS 'SELECT true'"
            )
            execute(
                f"CREATE OPERATOR evil.= (LEFTARG = pg_catalog.{name}, "
                f"RIGHTARG = pg_catalog.{name}, FUNCTION = evil.yes)"
            )
        execute("RESET ROLE")

        def enter():
            execute(f"SET LOCAL ROLE {application}")
            execute("SET LOCAL search_path = evil, pg_catalog, public")
            assert execute("SELECT 1 = 2") == [(True,)]

        return enter

    def test_does_not_let_a_write_pass_a_rule(self, application, evil, make_model):
        model = make_model(
            number=models.IntegerField(default=0),
            triggers=[
                pgtrigger.ReadOnly(
                    name="ro", fields=["number"], level=pgtrigger.Statement, ignorable=False
                )
            ],
        )
        model.objects.create()
        privileges.apply(privileges.Roles(app=application))
        evil()
        with pytest.raises(pgtrigger.ReadOnlyError), transaction.atomic():
            execute(f"UPDATE {model._meta.db_table} SET number = 2")

    def test_does_not_silence_history(self, evil):
        StatementLevel.objects.create(number=1)
        evil()
        execute("UPDATE pghistory_tests_statementlevel SET number = 2")
        execute("RESET ROLE; SET LOCAL search_path = public")
        labels = StatementLevel.pgh_event_model.objects.order_by("pgh_id")
        assert [event.pgh_label for event in labels] == ["insert", "update"]


def test_the_author_of_a_change_cannot_be_rewritten(application):
    with pghistory.context(user=1):
        StatementLevel.objects.create(number=1)
    [(old,)] = execute("SELECT id::text FROM pghistory_context")
    execute("UPDATE pghistory_context SET created_at = '2020-01-01'")
    execute(f"SET LOCAL ROLE {application}")
    execute(f"SET LOCAL pghistory.context_id = '{old}'")
    execute("SET LOCAL pghistory.context_metadata = '{\"user\": 2}'")
    execute("INSERT INTO pghistory_tests_statementlevel (number) VALUES (2)")
    execute("RESET ROLE")
    assert Context.objects.get(pk=old).metadata == {"user": 1}
