"""Writes that PostgreSQL refuses, by triggers written here by hand, in the admin."""

from typing import Any

import pytest
from django.db import ProgrammingError, connection
from django.test import Client
from psycopg import sql

from .conftest import PUBLIC
from .models import Member, Prompt, Team

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integrity.urls")]

TEAMS = "/admin/integrity_tests/team/"
PROMPTS = "/admin/integrity_tests/prompt/"


def refuse(
    operation: str,
    table: str = "integrity_tests_team",
    *,
    sqlstate: str = "23000",
    column: str = "",
    timing: str = "BEFORE",
) -> None:
    """Let a trigger refuse every such operation on the table, by the rule keep_teams."""
    statement = sql.SQL(TRIGGER).format(
        kind=sql.SQL("CONSTRAINT TRIGGER" if timing == "DEFERRED" else "TRIGGER"),
        timing=sql.SQL("AFTER" if timing == "DEFERRED" else timing),
        deferred=sql.SQL("DEFERRABLE INITIALLY DEFERRED" if timing == "DEFERRED" else ""),
        operation=sql.SQL(operation),
        table=sql.Identifier(table),
        table_name=sql.Literal(table),
        sqlstate=sql.Literal(sqlstate),
        column=sql.Literal(column),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)


TRIGGER = """
CREATE FUNCTION keep_teams() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = {sqlstate}, MESSAGE = 'Cannot change teams', HINT = 'Ask first.',
        SCHEMA = 'public', TABLE = {table_name}, COLUMN = {column}, CONSTRAINT = 'keep_teams';
END
$$;
CREATE {kind} keep_teams {timing} {operation} ON {table} {deferred}
    FOR EACH ROW EXECUTE FUNCTION keep_teams();
"""

REFUSAL = "Refused by the rule “keep_teams”: Cannot change teams. Ask first."


@pytest.fixture
def team() -> Team:
    return Team.objects.create(name="a", motto="m")


def form_data(**values: Any) -> dict[str, Any]:
    """A team's form, and its inline of members, empty unless given."""
    return {
        "name": "b",
        "motto": "n",
        "member_set-TOTAL_FORMS": 2,
        "member_set-INITIAL_FORMS": 0,
        "member_set-MIN_NUM_FORMS": 0,
        "member_set-MAX_NUM_FORMS": 1000,
    } | values


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class TestDeleting:
    def test_one_names_the_rule_and_leads_back(self, admin_client: Client, team: Team) -> None:
        refuse("DELETE")
        path = f"{TEAMS}{team.pk}/delete/"
        response = admin_client.post(path, {"post": "yes"}, follow=True)
        assert response.redirect_chain == [(path, 302)]
        assert said(response) == [REFUSAL]
        assert Team.objects.filter(pk=team.pk).exists()

    def test_two_with_the_action_name_the_rule(self, admin_client: Client, team: Team) -> None:
        teams = [team.pk, Team.objects.create(name="b").pk]
        refuse("DELETE")
        data = {"action": "delete_selected", "_selected_action": teams, "post": "yes"}
        response = admin_client.post(TEAMS, data, follow=True)
        assert response.status_code == 200
        assert said(response) == [REFUSAL]
        assert Team.objects.count() == 2

    def test_what_commit_would_refuse_is_refused(self, admin_client: Client, team: Team) -> None:
        refuse("DELETE", timing="DEFERRED")
        data = {"action": "delete_selected", "_selected_action": [team.pk], "post": "yes"}
        assert said(admin_client.post(TEAMS, data, follow=True)) == [REFUSAL]
        assert said(
            admin_client.post(f"{TEAMS}{team.pk}/delete/", {"post": "yes"}, follow=True)
        ) == [REFUSAL]

    def test_a_row_that_the_database_lets_go_is_deleted(
        self, admin_client: Client, team: Team
    ) -> None:
        response = admin_client.post(f"{TEAMS}{team.pk}/delete/", {"post": "yes"}, follow=True)
        assert "was deleted successfully" in said(response)[0]
        assert not Team.objects.exists()


class TestSaving:
    @pytest.mark.parametrize("timing", ["BEFORE", "AFTER", "DEFERRED"])
    def test_a_change_shows_the_form_as_it_was(
        self, admin_client: Client, team: Team, timing: str
    ) -> None:
        refuse("UPDATE", timing=timing)
        response = admin_client.post(f"{TEAMS}{team.pk}/change/", form_data())
        form = response.context["adminform"].form
        assert form.non_field_errors() == [REFUSAL]
        assert (form["name"].value(), form["motto"].value()) == ("b", "n")
        assert said(response) == []
        team.refresh_from_db()
        assert (team.name, team.motto) == ("a", "m")

    def test_an_addition_shows_the_form_as_it_was(self, admin_client: Client) -> None:
        refuse("INSERT", timing="DEFERRED")
        response = admin_client.post(f"{TEAMS}add/", form_data())
        assert response.context["adminform"].form.non_field_errors() == [REFUSAL]
        assert response.context["title"] == "Add team"
        assert said(response) == []
        assert not Team.objects.exists()

    def test_a_field_that_the_server_names_has_the_error(self, admin_client: Client) -> None:
        refuse("INSERT", column="motto")
        response = admin_client.post(f"{TEAMS}add/", form_data())
        assert response.context["adminform"].form.errors == {"motto": [REFUSAL]}

    @pytest.mark.parametrize("sqlstate", ["P0001", "23514", "22003", "42501", "44000", "U0001"])
    def test_whatever_the_sqlstate_of_a_refusal(
        self, admin_client: Client, team: Team, sqlstate: str
    ) -> None:
        refuse("UPDATE", sqlstate=sqlstate)
        response = admin_client.post(f"{TEAMS}{team.pk}/change/", form_data())
        assert response.context["adminform"].form.non_field_errors() == [REFUSAL]

    def test_a_lost_transaction_is_no_refusal(self, admin_client: Client, team: Team) -> None:
        refuse("UPDATE", sqlstate="40001")
        with pytest.raises(Exception, match="Cannot change teams"):
            admin_client.post(f"{TEAMS}{team.pk}/change/", form_data())

    def test_a_form_that_cannot_be_told_leads_back(self, admin_client: Client) -> None:
        refuse("INSERT", "integrity_tests_prompt")
        response = admin_client.post(f"{PROMPTS}add/", {"rank": 1, "place": 1}, follow=True)
        assert said(response) == [REFUSAL]
        assert not Prompt.objects.exists()

    def test_a_write_that_the_database_takes_is_saved(self, admin_client: Client) -> None:
        response = admin_client.post(f"{TEAMS}add/", form_data(), follow=True)
        assert "was added successfully" in said(response)[0]
        assert Team.objects.get().name == "b"

    def test_in_a_request_that_is_one_transaction(
        self, admin_client: Client, team: Team, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        refuse("UPDATE", timing="DEFERRED")
        response = admin_client.post(f"{TEAMS}{team.pk}/change/", form_data())
        assert response.context["adminform"].form.non_field_errors() == [REFUSAL]


class TestInlines:
    def rows(self, *rows: dict[str, Any]) -> dict[str, Any]:
        return {
            f"member_set-{index}-{name}": value
            for index, row in enumerate(rows)
            for name, value in row.items()
        }

    def row(self, number: int) -> dict[str, Any]:
        return {"email": f"{number}@a", "phone": number, "nick": number, "code": number}

    def test_one_row_has_the_error(self, admin_client: Client) -> None:
        refuse("INSERT", "integrity_tests_member", column="phone")
        response = admin_client.post(f"{TEAMS}add/", form_data(**self.rows(self.row(1))))
        formset = response.context["inline_admin_formsets"][0].formset
        assert formset.errors == [{"phone": [REFUSAL]}, {}]
        assert formset.forms[0]["email"].value() == "1@a"
        assert response.context["adminform"].form.errors == {}
        assert not Team.objects.exists()

    def test_of_several_rows_the_table_has_the_error(self, admin_client: Client) -> None:
        refuse("INSERT", "integrity_tests_member", column="phone")
        rows = self.rows(self.row(1), self.row(2))
        response = admin_client.post(f"{TEAMS}add/", form_data(**rows))
        formset = response.context["inline_admin_formsets"][0].formset
        assert formset.non_form_errors() == [f"Phone: {REFUSAL}"]

    def test_a_row_to_be_deleted_leaves_the_error_to_the_table(
        self, admin_client: Client, team: Team
    ) -> None:
        member = Member.objects.create(**PUBLIC.row(team=team))
        refuse("DELETE", "integrity_tests_member")
        row = self.row(1) | {"id": member.pk, "team": team.pk, "DELETE": "on"}
        data = form_data(**self.rows(row)) | {"member_set-INITIAL_FORMS": 1}
        response = admin_client.post(f"{TEAMS}{team.pk}/change/", data)
        formset = response.context["inline_admin_formsets"][0].formset
        assert formset.non_form_errors() == [REFUSAL]
        assert Member.objects.exists()

    def test_the_form_has_the_error_of_its_own_table(self, admin_client: Client) -> None:
        refuse("INSERT")
        response = admin_client.post(f"{TEAMS}add/", form_data(**self.rows(self.row(1))))
        formset = response.context["inline_admin_formsets"][0].formset
        assert formset.errors == [{}, {}]
        assert formset.non_form_errors() == []
        assert response.context["adminform"].form.non_field_errors() == [REFUSAL]


class TestListEditable:
    def post(self, client: Client, teams: list[Team], *names: str) -> Any:
        data: dict[str, Any] = {
            "form-TOTAL_FORMS": len(teams),
            "form-INITIAL_FORMS": len(teams),
            "_save": "Save",
        }
        for index, (team, name) in enumerate(zip(teams, names, strict=True)):
            data |= {
                f"form-{index}-id": team.pk,
                f"form-{index}-name": name,
                f"form-{index}-motto": team.motto,
            }
        return client.post(TEAMS, data)

    def test_one_row_has_the_error(self, admin_client: Client, team: Team) -> None:
        other = Team.objects.create(name="b", motto="m")
        refuse("UPDATE", column="name")
        response = self.post(admin_client, [other, team], "changed", "a")
        formset = response.context["cl"].formset
        assert formset.errors == [{"name": [REFUSAL]}, {}]
        assert formset.forms[0]["name"].value() == "changed"
        assert said(response) == []

    def test_of_several_rows_the_list_has_the_error(self, admin_client: Client, team: Team) -> None:
        other = Team.objects.create(name="b", motto="m")
        refuse("UPDATE")
        response = self.post(admin_client, [other, team], "changed", "too")
        assert response.context["cl"].formset.non_form_errors() == [REFUSAL]
        assert set(Team.objects.values_list("name", flat=True)) == {"a", "b"}


class TestActions:
    def post(self, client: Client, action: str, team: Team) -> Any:
        return client.post(TEAMS, {"action": action, "_selected_action": [team.pk]}, follow=True)

    def test_a_refused_one_names_the_rule_and_says_nothing_else(
        self, admin_client: Client, team: Team
    ) -> None:
        refuse("UPDATE")
        assert said(self.post(admin_client, "greet", team)) == [REFUSAL]

    def test_it_writes_all_or_nothing(self, admin_client: Client, team: Team) -> None:
        refuse("UPDATE", timing="DEFERRED")
        self.post(admin_client, "greet", team)
        team.refresh_from_db()
        assert team.motto == "m"

    def test_one_that_the_database_takes_says_what_it_says(
        self, admin_client: Client, team: Team
    ) -> None:
        assert said(self.post(admin_client, "greet", team)) == ["Greeted."]

    def test_a_wrong_statement_is_no_refusal(self, admin_client: Client, team: Team) -> None:
        with pytest.raises(ProgrammingError, match="no_such_column"):
            self.post(admin_client, "blunder", team)
