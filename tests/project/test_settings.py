"""project/settings.py and the environment variables that it reads."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from tests.project.conftest import DEPLOYED, READ, Run, database_url


def printed(manage: Run, expression: str, **variables: str) -> str:
    ended = manage(
        "shell", "-v0", "-c", f"from django.conf import settings; print({expression})", **variables
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


class TestDeployed:
    def test_the_deployment_checks_are_silent(self, manage: Run) -> None:
        ended = manage("check", "--deploy", "--fail-level", "DEBUG", **DEPLOYED)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == "System check identified no issues (0 silenced).\n"

    def test_lists_are_read_between_commas(self, manage: Run) -> None:
        assert printed(manage, "settings.ALLOWED_HOSTS", **DEPLOYED) == (
            "['example.org', 'www.example.org']"
        )

    @pytest.mark.parametrize("missing", ["DATABASE_URL", "SECRET_KEY"])
    def test_what_is_missing_stops_it_with_a_sentence(self, manage: Run, missing: str) -> None:
        ended = manage("check", **(DEPLOYED | {missing: ""}))
        assert ended.returncode == 1
        assert ended.stderr.startswith(f"{missing} is not set and DEBUG is off")
        assert ended.stderr.count("\n") == 1

    def test_help_is_given_all_the_same(self, manage: Run) -> None:
        assert manage("help", DEBUG="0").returncode == 0

    def test_the_demo_account_is_refused(self, manage: Run) -> None:
        ended = manage("demo_account", **DEPLOYED)
        assert ended.returncode == 1
        assert "DEBUG is off" in ended.stderr


class TestConnections:
    """Each is printed by the server that the setting reaches."""

    SHOW = (
        "from django.db import connection;"
        "cursor = connection.cursor();"
        "show = lambda name: (cursor.execute(f'SHOW {name}'), cursor.fetchone()[0])[1];"
    )

    def shown(self, manage: Run, name: str, **variables: str) -> str:
        code = self.SHOW + f"print(show({name!r}))"
        url = database_url("postgres")
        ended = manage("shell", "-v0", "-c", code, DATABASE_URL=url, **variables)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    @pytest.mark.parametrize(
        ("name", "default", "variable"),
        [
            ("statement_timeout", "30s", "DATABASE_STATEMENT_TIMEOUT"),
            ("lock_timeout", "10s", "DATABASE_LOCK_TIMEOUT"),
            (
                "idle_in_transaction_session_timeout",
                "0",
                "DATABASE_IDLE_TRANSACTION_TIMEOUT",
            ),
        ],
    )
    def test_have_timeouts(self, manage: Run, name: str, default: str, variable: str) -> None:
        assert self.shown(manage, name) == default
        assert self.shown(manage, name, **{variable: "7s"}) == "7s"

    def test_have_the_application_name(self, manage: Run) -> None:
        shown = self.shown(manage, "application_name", DATABASE_APPLICATION_NAME="the shop")
        assert shown == "the shop"

    def test_a_duration_that_postgresql_does_not_read_is_refused(self, manage: Run) -> None:
        ended = manage("check", DATABASE_LOCK_TIMEOUT="soon")
        assert ended.returncode == 1
        assert ended.stderr.startswith("DATABASE_LOCK_TIMEOUT is 'soon': set it to a time")

    def test_come_from_a_pool_if_it_has_a_size(self, manage: Run) -> None:
        code = (
            "from django.db import connection as c; c.ensure_connection(); print(c.pool.max_size)"
        )
        url = database_url("postgres")
        ended = manage("shell", "-v0", "-c", code, DATABASE_POOL_SIZE="3", DATABASE_URL=url)
        assert (ended.stdout, ended.returncode) == ("3\n", 0), ended.stderr

    def test_a_pool_needs_a_url(self, manage: Run) -> None:
        ended = manage("check", DATABASE_POOL_SIZE="3")
        assert ended.stderr.startswith("DATABASE_POOL_SIZE is set and DATABASE_URL is not")

    def test_migrate_uses_the_direct_address(self, manage: Run) -> None:
        wrong = "postgres://nobody@127.0.0.1:1/postgres"
        ended = manage(
            "migrate",
            "--plan",
            DATABASE_URL=wrong,
            DIRECT_DATABASE_URL=database_url("postgres"),
        )
        assert ended.returncode == 0, ended.stderr
        ended = manage("showmigrations", DATABASE_URL=wrong)
        assert "127.0.0.1:1" in ended.stderr

    def test_a_direct_address_of_another_database_is_refused(self, manage: Run) -> None:
        ended = manage(
            "check",
            DATABASE_URL="postgres://localhost/one",
            DIRECT_DATABASE_URL="postgres://localhost/two",
        )
        assert ended.stderr.startswith("DIRECT_DATABASE_URL names the database 'two'")


class TestFiles:
    def test_a_secret_can_be_in_a_file(self, manage: Run, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("from a file\n")
        found = printed(manage, "settings.SECRET_KEY", SECRET_KEY_FILE=str(tmp_path / "key"))
        assert found == "from a file"

    def test_a_file_that_is_missing_is_named(self, manage: Run) -> None:
        ended = manage("check", SECRET_KEY_FILE="/nowhere")
        assert ended.stderr.startswith("SECRET_KEY_FILE is '/nowhere', which cannot be read")

    def test_a_value_and_a_file_together_are_refused(self, manage: Run) -> None:
        ended = manage("check", SECRET_KEY="a", SECRET_KEY_FILE="/nowhere")
        assert ended.stderr.startswith("SECRET_KEY and SECRET_KEY_FILE are both set")


def test_every_variable_that_the_settings_read_is_documented_in_them() -> None:
    sources = [
        settings.BASE_DIR / "project" / name
        for name in ("settings.py", "database/__init__.py", "database/binaries.py")
    ]
    read = {
        name
        for source in sources
        for name in re.findall(r'environment\.\w+\(\s*"([A-Z_]+)"', source.read_text())
    }
    assert read == READ - {"DJANGO_SETTINGS_MODULE"}


class TestInDevelopment:
    def test_nothing_need_be_set(self, manage: Run) -> None:
        assert manage("check").returncode == 0

    def test_the_database_is_the_folder_s_own(self, manage: Run) -> None:
        database = printed(manage, "settings.DATABASES['default']['EMBEDDED'].name")
        assert database == ".postgres"

    def test_debug_that_is_neither_on_nor_off_is_refused(self, manage: Run) -> None:
        ended = manage("check", DEBUG="maybe")
        assert (ended.returncode, ended.stderr) == (1, "DEBUG is 'maybe': set it to 1 or 0.\n")
