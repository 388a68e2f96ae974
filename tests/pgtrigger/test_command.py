"""``manage.py pgtrigger``, run as it is typed."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

import pgtrigger
from tests.pgtrigger import models

pytestmark = pytest.mark.django_db

URI = "pgtrigger_tests.Protected:no_delete"
OTHER = "pgtrigger_tests.Protected:no_negative"


def run(*arguments):
    output = io.StringIO()
    call_command("pgtrigger", *arguments, stdout=output, no_color=True)
    return output.getvalue()


class TestLs:
    def test_it_prints_status_enabled_and_uri_in_columns(self):
        pgtrigger.uninstall(OTHER)
        assert run("ls", URI, OTHER) == (
            f"INSTALLED    ENABLED  {URI}\nUNINSTALLED  N/A      {OTHER}\n"
        )

    def test_it_lists_everything(self):
        assert len(run("ls").splitlines()) == len(pgtrigger.registered())

    def test_what_no_model_declares_is_shown_by_table_and_name(self):
        made = pgtrigger.Protect(name="gone", operation=pgtrigger.Delete)
        made.install(models.Plain)
        last = run("ls").splitlines()[-1].split()
        assert last == ["PRUNE", "ENABLED", f"pgtrigger_tests_plain:{made.get_pgid(models.Plain)}"]

    def test_a_machine_reads_json(self):
        [row] = json.loads(run("ls", URI, "--format", "json"))
        assert row == {
            "status": "INSTALLED",
            "enabled": "ENABLED",
            "uri": URI,
            "database": "default",
        }

    def test_routers_make_it_unallowed(self, settings):
        settings.DATABASE_ROUTERS = ["tests.pgtrigger.routers.NothingAllowed"]
        assert run("ls", URI).split() == ["UNALLOWED", "N/A", URI]

    @pytest.mark.parametrize(
        ("uri", "reason"), [("nope", "must be in the format"), ("a.b:c", "not found")]
    )
    def test_a_bad_uri_is_an_error(self, uri, reason):
        with pytest.raises(CommandError, match=reason):
            run("ls", uri)


class TestCheck:
    def test_it_is_silent_where_all_fits(self):
        assert run("check", URI, OTHER) == ""

    def test_it_exits_with_1_where_anything_differs(self, capsys):
        pgtrigger.uninstall(URI)
        with pytest.raises(SystemExit) as caught:
            run("check")
        assert caught.value.code == 1

    def test_a_disabled_trigger_differs(self):
        pgtrigger.disable(URI)
        with pytest.raises(SystemExit):
            run("check")


class TestInstall:
    def test_it_says_what_it_does(self):
        pgtrigger.uninstall(URI)
        assert run("install", URI, "--lock-timeout", "1000") == f"1/1 {URI}\n"
        assert run("install", URI) == ""

    def test_a_dry_run_prints_the_sql_and_changes_nothing(self):
        pgtrigger.uninstall(URI)
        printed = run("install", "--dry-run")
        assert printed.startswith(f"-- {URI}\nCREATE OR REPLACE FUNCTION")
        assert run("ls", URI).startswith("UNINSTALLED")

    def test_it_can_be_for_a_schema(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA elsewhere")
            cursor.execute("CREATE TABLE elsewhere.pgtrigger_tests_protected (id int)")
        assert run("ls", URI, "--schema", "elsewhere").startswith("UNINSTALLED")
        run("install", URI, "-s", "elsewhere")
        assert run("ls", URI, "--schema", "elsewhere").startswith("INSTALLED")


def test_the_verbs():
    run("disable", URI)
    assert run("ls", URI).split()[1] == "DISABLED"
    run("enable", URI)
    assert run("ls", URI).split()[1] == "ENABLED"
    run("uninstall", URI)
    assert run("ls", URI).split()[0] == "UNINSTALLED"
    pgtrigger.Protect(name="gone", operation=pgtrigger.Delete).install(models.Plain)
    run("prune")
    assert pgtrigger.prunable() == []


def test_diff_prints_the_difference():
    pgtrigger.uninstall(URI)
    assert "+CREATE TRIGGER pgtrigger_no_delete" in run("diff", URI)


def test_the_printed_sql_installs_the_trigger():
    pgtrigger.uninstall(URI)
    with connection.cursor() as cursor:
        cursor.execute(run("sql", URI))
    assert run("ls", URI).startswith("INSTALLED")


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as caught:
        run("--help")
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for word in ("OUTDATED", "UNALLOWED", "install --dry-run", "app_label.ModelName:trigger_name"):
        assert word in printed
