"""manage.py and wsgi.py where the database is not what it should be: one sentence, exit code 1."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from project.database import from_url
from project.database.embedded import Server
from project.errors import WrongSetting
from tests.project.conftest import DEPLOYED, Run, database_url, needs_the_wheel

DOWN = "postgres://somebody:hidden@127.0.0.1:1/nothing"


class TestWrongURL:
    @pytest.mark.parametrize(
        ("url", "found"),
        [
            ("example.org", "is not a URL"),
            ("mysql://somebody:hidden@example.org/name", "begins with mysql://"),
            ("postgres://somebody:hidden@example.org:port/name", "cannot be read"),
            ("postgres://somebody:hidden@example.org/", "does not name a database"),
        ],
    )
    def test_is_refused_with_the_form_expected(self, url: str, found: str) -> None:
        with pytest.raises(WrongSetting) as caught:
            from_url(url)
        sentence = str(caught.value)
        assert f"DATABASE_URL {found}: set it to" in sentence
        assert "postgres://user:password@host:port/name" in sentence
        assert "hidden" not in sentence

    def test_ends_manage_py_with_that_sentence(self, manage: Run) -> None:
        ended = manage("check", DATABASE_URL="mysql://localhost/name")
        assert ended.returncode == 1
        assert ended.stderr.startswith("DATABASE_URL begins with mysql://")
        assert ended.stderr.count("\n") == 1


class TestServerThatIsDown:
    @pytest.mark.parametrize("command", ["migrate", "demo_account", "shell_plus -c 1"])
    def test_ends_a_command_with_a_sentence(self, manage: Run, command: str) -> None:
        code = "from project.models import User; User.objects.count()"
        arguments = ["shell", "-c", code] if command.startswith("shell") else [command]
        ended = manage(*arguments, DATABASE_URL=DOWN)
        assert ended.returncode == 1
        assert ended.stderr.startswith("Database 'nothing' at 127.0.0.1:1 (DATABASE_URL)")
        assert "Connection refused" in ended.stderr
        assert ended.stderr.count("\n") == 1
        assert "hidden" not in ended.stderr

    @pytest.mark.parametrize("option", [(), ("--noreload",)])
    def test_ends_runserver(self, manage: Run, option: tuple[str, ...]) -> None:
        ended = manage("runserver", "0", *option, DATABASE_URL=DOWN)
        assert ended.returncode == 1
        assert "Connection refused" in ended.stderr
        assert "Traceback" not in ended.stderr

    @pytest.mark.parametrize(
        "arguments", [("check",), ("help",), ("migrate", "--help"), ("findstatic", "admin/img")]
    )
    def test_does_not_keep_from_what_needs_none(
        self, manage: Run, arguments: tuple[str, ...]
    ) -> None:
        assert manage(*arguments, DATABASE_URL=DOWN).returncode == 0


class TestServerThatIsThere:
    def test_a_database_it_does_not_have_is_named(self, manage: Run) -> None:
        ended = manage("migrate", DATABASE_URL=database_url("nowhere"))
        assert ended.returncode == 1
        assert ended.stderr.startswith("Database 'nowhere' ")
        assert 'database "nowhere" does not exist' in ended.stderr
        assert ended.stderr.count("\n") == 1

    @pytest.mark.django_db
    def test_one_that_is_too_old_is_refused(self, environment: dict[str, str]) -> None:
        name = connection.settings_dict["NAME"]
        ended = subprocess.run(
            [sys.executable, "-c", OF_THE_FUTURE],
            cwd=settings.BASE_DIR,
            env=environment | {"DATABASE_URL": database_url(name)},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 1
        assert f"is on PostgreSQL {connection.pg_version // 10000}" in ended.stderr
        assert "needs 99 or later" in ended.stderr
        assert ended.stderr.count("\n") == 1


# No server is older than Django allows wherever the tests run; so Django is made to allow none.
OF_THE_FUTURE = """
import sys
from django.db.backends.postgresql.features import DatabaseFeatures
import manage
DatabaseFeatures.minimum_database_version = (99,)
sys.argv = ["manage.py", "migrate"]
manage.main()
"""


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """A copy of the project in another folder, without a database."""
    path = tmp_path / "a clone"
    shutil.copytree(
        settings.BASE_DIR,
        path,
        ignore=shutil.ignore_patterns(".*", "tests", "bench", "life", "proof", "docs"),
    )
    yield path
    Server(path / ".postgres").stop()


@needs_the_wheel
class TestFolderWithoutADatabase:
    def start(
        self, clone: Path, environment: dict[str, str], *command: str
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "manage.py", *command],
            cwd=clone,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_two_migrations_started_at_once_share_one_server_and_both_succeed(
        self, clone: Path, environment: dict[str, str]
    ) -> None:
        together = [self.start(clone, environment, "migrate") for _ in range(2)]
        assert [each.communicate()[1] for each in together] == ["", ""]
        assert [each.returncode for each in together] == [0, 0]
        assert (clone / ".postgres/log").read_text().count("starting PostgreSQL") == 1

    def test_the_demo_account_is_made_once_and_then_left_alone(
        self, clone: Path, environment: dict[str, str]
    ) -> None:
        self.start(clone, environment, "migrate").communicate()
        first, _ = self.start(clone, environment, "demo_account").communicate()
        second, _ = self.start(clone, environment, "demo_account").communicate()
        assert first == "The account admin with the password admin is created.\n"
        assert second == "The account admin exists.\n"

    def test_stop_database_ends_the_server(self, clone: Path, environment: dict[str, str]) -> None:
        self.start(clone, environment, "migrate").communicate()
        assert "has stopped" in self.start(clone, environment, "stop_database").communicate()[0]
        assert (clone / ".postgres/log").read_text().endswith("database system is shut down\n")


class TestServers:
    @pytest.mark.parametrize("module", ["project.wsgi", "project.asgi"])
    def test_debug_is_off_unless_set(self, environment: dict[str, str], module: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.stderr.startswith("DATABASE_URL is not set and DEBUG is off")
        assert ended.stderr.count("\n") == 1

    def test_gunicorn_gives_up_at_once(self, environment: dict[str, str]) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:0", "project.wsgi"],
            cwd=settings.BASE_DIR,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 3
        assert "DATABASE_URL is not set" in ended.stderr
        assert "Traceback" not in ended.stderr


class TestManagePy:
    def test_continues_in_the_virtual_environment_of_its_folder(
        self, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
        (tmp_path / ".venv/bin").mkdir(parents=True)
        python = tmp_path / ".venv/bin/python"
        python.write_text('#!/bin/sh\necho "continued with $*"\n')
        python.chmod(0o755)
        ended = self.run_outside_a_virtual_environment(tmp_path, environment)
        assert ended.stdout == "continued with manage.py check\n"

    def test_names_the_command_that_installs_django(
        self, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
        ended = self.run_outside_a_virtual_environment(tmp_path, environment)
        assert ended.returncode == 1
        assert ended.stderr.endswith("run `make setup` first.\n")

    def run_outside_a_virtual_environment(
        self, folder: Path, environment: dict[str, str]
    ) -> "subprocess.CompletedProcess[str]":
        base = getattr(sys, "_base_executable", sys.executable)
        return subprocess.run(
            [base, "-I", "-S", "manage.py", "check"],  # without any installed package
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )


BEFORE_THE_USER_MODEL = """
from django.db import connection
connection.cursor().execute("ALTER TABLE project_user RENAME TO auth_user")
connection.cursor().execute("DELETE FROM django_migrations WHERE app = 'project'")
"""


@needs_the_wheel
class TestOlderDatabase:
    """A database whose users are in auth_user, from before the project had a user model."""

    def test_migrate_refuses_it_and_reset_database_replaces_it(
        self, clone: Path, environment: dict[str, str]
    ) -> None:
        def manage(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                [sys.executable, "manage.py", *arguments],
                cwd=clone,
                env=environment,
                capture_output=True,
                text=True,
            )

        assert manage("migrate").returncode == 0
        manage("shell", "-v0", "-c", BEFORE_THE_USER_MODEL)
        refused = manage("migrate")
        assert refused.returncode == 1
        assert "another user model than project.User" in refused.stderr
        assert "run `make reset`" in refused.stderr
        assert "Would delete everything in" in manage("reset_database", "--dry-run").stdout
        assert manage("migrate").returncode == 1
        assert "Deleted everything in" in manage("reset_database").stdout
        assert manage("migrate").returncode == 0


@pytest.mark.django_db
def test_reset_database_empties_the_database_of_a_url(
    manage: Run, environment: dict[str, str]
) -> None:
    url = database_url("reset_by_a_test")
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute("CREATE DATABASE reset_by_a_test")
        try:
            with psycopg.connect(url) as database:
                database.execute("CREATE TABLE kept ()")
            assert manage("reset_database", DATABASE_URL=url).returncode == 0
            with psycopg.connect(url) as database:
                assert database.execute("SELECT to_regclass('kept')").fetchone() == (None,)
            refused = manage("reset_database", **(DEPLOYED | {"DATABASE_URL": url}))
            assert (refused.returncode, "DEBUG is off" in refused.stderr) == (1, True)
        finally:
            server.execute("DROP DATABASE reset_by_a_test")
