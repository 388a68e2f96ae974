"""``manage.py pgtrigger``, run as it is typed."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

import pgtrigger
from pgtrigger.management.commands import pgtrigger as pgtrigger_command
from tests.pgtrigger import models

pytestmark = pytest.mark.django_db

URI = "pgtrigger_tests.Protected:no_delete"
OTHER = "pgtrigger_tests.Protected:no_negative"


INSTALLED = "Installed as declared: 1\n"


def row(uri, *arguments):
    """The words of the line that ls prints of a trigger."""
    return run("ls", uri, *arguments).splitlines()[1].split()


def run(*arguments):
    output = io.StringIO()
    call_command("pgtrigger", *arguments, stdout=output, no_color=True)
    return output.getvalue()


class TestLs:
    def test_it_prints_status_enabled_and_uri_in_columns(self):
        pgtrigger.uninstall(OTHER)
        assert run("ls", URI, OTHER) == (
            f"STATUS       ENABLED  TRIGGER\nINSTALLED    ENABLED  {URI}\n"
            f"UNINSTALLED  N/A      {OTHER}\n"
        )

    def test_ls_lists_every_trigger(self):
        assert len(run("ls").splitlines()) == len(pgtrigger.registered()) + 1

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
        assert row(URI) == ["UNALLOWED", "N/A", URI]

    @pytest.mark.parametrize(
        ("uri", "reason"), [("nope", "must be in the format"), ("a.b:c", "not found")]
    )
    def test_a_bad_uri_is_an_error(self, uri, reason):
        with pytest.raises(CommandError, match=reason):
            run("ls", uri)


class TestCheck:
    def test_it_says_that_all_fits(self):
        assert run("check", URI, OTHER) == "Installed as declared: 2\n"

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
        assert run("install", URI, "--lock-timeout", "1000") == f"1/1 {URI}\n{INSTALLED}"
        assert run("install", URI) == INSTALLED

    def test_a_dry_run_prints_the_sql_and_changes_nothing(self):
        pgtrigger.uninstall(URI)
        printed = run("install", "--dry-run")
        assert printed.startswith(f"-- {URI}\nCREATE OR REPLACE FUNCTION")
        assert row(URI)[0] == "UNINSTALLED"

    def test_it_can_be_for_a_schema(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA elsewhere")
            cursor.execute("CREATE TABLE elsewhere.pgtrigger_tests_protected (id int)")
        assert row(URI, "--schema", "elsewhere")[0] == "UNINSTALLED"
        run("install", URI, "-s", "elsewhere")
        assert row(URI, "--schema", "elsewhere")[0] == "INSTALLED"


def test_the_verbs():
    run("disable", URI)
    assert row(URI)[1] == "DISABLED"
    run("enable", URI)
    assert row(URI)[1] == "ENABLED"
    run("uninstall", URI)
    assert row(URI)[0] == "UNINSTALLED"
    pgtrigger.Protect(name="gone", operation=pgtrigger.Delete).install(models.Plain)
    run("prune")
    assert pgtrigger.prunable() == []


def test_what_would_be_dropped_is_listed_and_stays():
    made = pgtrigger.Protect(name="gone", operation=pgtrigger.Delete)
    made.install(models.Plain)
    undeclared = f"pgtrigger_tests_plain:{made.get_pgid(models.Plain)}"
    assert run("uninstall", URI, "--dry-run") == (f"would drop {URI}\nWould be dropped: 1\n")
    assert run("prune", "--dry-run") == (f"would drop {undeclared}\nWould be dropped: 1\n")
    assert row(URI)[0] == "INSTALLED"
    assert len(pgtrigger.prunable()) == 1


def test_what_is_dropped_enabled_and_disabled_is_said():
    assert run("disable", URI) == "Disabled for everybody: 1\n"
    assert run("enable", URI) == "Enabled: 1\n"
    assert run("uninstall", URI) == f"dropped {URI}\nDropped: 1\n"
    assert run("prune") == "Dropped: 0\n"


@pytest.mark.parametrize("verb", pgtrigger_command.VERBS)
def test_the_help_of_each_subcommand_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        run(verb, "--help")
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    assert f"manage.py pgtrigger {verb}" in printed.partition("options:")[2]


def test_diff_prints_the_difference():
    pgtrigger.uninstall(URI)
    assert "+CREATE TRIGGER pgtrigger_no_delete" in run("diff", URI)


def test_the_printed_sql_installs_the_trigger():
    pgtrigger.uninstall(URI)
    with connection.cursor() as cursor:
        cursor.execute(run("sql", URI))
    assert row(URI)[0] == "INSTALLED"


def test_help_teaches(capsys):
    with pytest.raises(SystemExit) as caught:
        run("--help")
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for word in ("OUTDATED", "UNALLOWED", "install --dry-run", "app_label.ModelName:trigger_name"):
        assert word in printed
