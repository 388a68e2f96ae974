"""``manage.py doctor`` on broken setups, and ``backup`` and ``restore``."""

import json
import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import pytest

from project.database import binaries
from project.database.embedded import Server
from tests.project.clusters import ask, url
from tests.project.conftest import DEPLOYED, Run, needs_the_wheel

pytestmark = needs_the_wheel
EMBEDDED = binaries.major_version() if find_spec(binaries.WHEEL) else None
OTHER_VERSIONS = [
    folder
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if folder.parent.name != EMBEDDED and (folder / "pg_dump").exists()
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with databases that each test may break."""
    folder = tmp_path_factory.mktemp("operations")
    os.chmod(folder, 0o755)
    server = Server(folder / "server")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(server: Server, manage: Run) -> Iterator[str]:
    """The URL of a migrated database. The first test migrates one, which the others copy."""
    if not ask(url(server), "SELECT count(*) FROM pg_database WHERE datname = 'migrated'"):
        ask(url(server), "CREATE DATABASE migrated")
        assert manage("migrate", "-v0", DATABASE_URL=url(server, "migrated")).returncode == 0
    ask(url(server), "CREATE DATABASE examined TEMPLATE migrated")
    yield url(server, "examined")
    ask(url(server), "DROP DATABASE examined WITH (FORCE)")


@pytest.fixture
def doctor(manage: Run) -> Callable[..., dict[str, Any]]:
    """Run the command, and return its JSON."""

    def run(**variables: str) -> dict[str, Any]:
        ended = manage("doctor", "--format", "json", **variables)
        assert ended.stdout, ended.stderr
        report: dict[str, Any] = json.loads(ended.stdout)
        assert ended.returncode == (1 if report["problems"] else 0)
        return report

    return run


# Let an event table have two partitions of ten events, and the next event be in the second.
USED_UP = """
from django.db import connection
from pghistory.keeping import partitioning
from pghistory.past import views
from pghistory.tracking import event_models

event_model = event_models.all_event_models()[0]
views.set_aside("default")
partitioning.convert(event_model, 10, "default")
views.install("default")
with connection.cursor() as cursor:
    table = event_model._meta.db_table
    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'pgh_id'), 15)", [table])
"""

Doctor = Callable[..., dict[str, Any]]


def sentences(report: dict[str, Any]) -> str:
    """Return all problems with their remedies, one in each line."""
    return "\n".join(
        f"{problem['subject']}: {problem['found']}: {problem['remedy']}"
        for problem in report["problems"]
    )


class TestDoctor:
    def test_finds_nothing_in_a_setup_that_works(self, doctor: Doctor, database: str) -> None:
        report = doctor(DATABASE_URL=database)
        assert report["problems"] == []
        assert report["running"]["PostgreSQL"].startswith("18")
        assert report["configured"]["database"].startswith("examined at ")

    def test_prints_one_screen(self, manage: Run, database: str) -> None:
        ended = manage("doctor", DATABASE_URL=database)
        assert ended.stdout.splitlines()[0] == "Configured"
        assert ended.stdout.endswith("Problems\n  Nothing is wrong.\n")
        assert len(ended.stdout.splitlines()) < 24

    def test_shows_no_secret(self, manage: Run) -> None:
        ended = manage("doctor", **(DEPLOYED | {"DATABASE_URL": "postgres://u:hidden@h.invalid/n"}))
        assert "hidden" not in ended.stdout + ended.stderr
        assert DEPLOYED["SECRET_KEY"] not in ended.stdout + ended.stderr

    def test_a_variable_that_cannot_be_read(self, manage: Run) -> None:
        ended = manage("doctor", DATABASE_URL="mysql://localhost/name")
        assert ended.returncode == 1
        assert ended.stderr.startswith("DATABASE_URL begins with mysql://: set it to")

    def test_a_server_that_is_down(self, doctor: Doctor) -> None:
        found = sentences(doctor(DATABASE_URL="postgres://nobody@127.0.0.1:1/name"))
        assert "cannot be reached (Connection refused): start that server" in found

    def test_a_database_that_does_not_exist(self, doctor: Doctor, server: Server) -> None:
        found = sentences(doctor(DATABASE_URL=url(server, "nowhere")))
        assert 'database "nowhere" does not exist' in found

    def test_migrations_that_are_not_applied(self, doctor: Doctor, database: str) -> None:
        ask(database, "DELETE FROM django_migrations WHERE app = 'sessions'")
        found = sentences(doctor(DATABASE_URL=database))
        assert "not applied: sessions.0001_initial: run `manage.py migrate`" in found

    def test_a_trigger_that_was_dropped(self, doctor: Doctor, database: str) -> None:
        ask(database, f"DROP TRIGGER {self.trigger(database)}")
        assert "Triggers are not installed as declared" in sentences(doctor(DATABASE_URL=database))

    def test_a_trigger_that_was_disabled(self, doctor: Doctor, database: str) -> None:
        name, _, table = self.trigger(database).partition(" ON ")
        ask(database, f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        assert "run `manage.py pgtrigger enable " in sentences(doctor(DATABASE_URL=database))

    def trigger(self, database: str) -> str:
        """Return the name and the table of one of the engine's triggers, as DROP TRIGGER does."""
        query = "SELECT tgname || ' ON ' || tgrelid::regclass FROM pg_trigger"
        return str(ask(database, f"{query} WHERE tgname LIKE 'pgtrigger_%' ORDER BY tgname"))

    def test_event_tables_without_empty_partitions(
        self, doctor: Doctor, manage: Run, database: str
    ) -> None:
        ended = manage("shell", "--no-imports", "-c", USED_UP, DATABASE_URL=database)
        assert ended.returncode == 0, ended.stderr
        assert "has no empty partition left: run `manage.py pghistory partition`" in sentences(
            doctor(DATABASE_URL=database)
        )

    def test_a_role_that_can_disable_rules(self, doctor: Doctor, database: str) -> None:
        found = sentences(doctor(**(DEPLOYED | {"DATABASE_URL": database})))
        assert "role: the application's role is a superuser" in found

    def test_timeouts_that_are_off(self, doctor: Doctor, database: str) -> None:
        off = {"DATABASE_LOCK_TIMEOUT": "0"}
        found = sentences(doctor(**(DEPLOYED | off | {"DATABASE_URL": database})))
        assert "timeouts: lock_timeout is off" in found

    def test_a_secret_key_that_is_too_short(self, doctor: Doctor, database: str) -> None:
        short = {"SECRET_KEY": "short", "DATABASE_URL": database}
        assert "security.W009: " in sentences(doctor(**(DEPLOYED | short)))

    def test_hosts_that_are_missing(self, doctor: Doctor, database: str) -> None:
        missing = {"ALLOWED_HOSTS": "", "DATABASE_URL": database}
        assert "security.W020: ALLOWED_HOSTS" in sentences(doctor(**(DEPLOYED | missing)))

    def test_static_files_that_were_not_collected(self, doctor: Doctor, database: str) -> None:
        found = sentences(doctor(**(DEPLOYED | {"DATABASE_URL": database})))
        assert "run `manage.py collectstatic --noinput`" in found

    def test_a_mail_server_that_does_not_answer(self, doctor: Doctor, database: str) -> None:
        found = sentences(doctor(EMAIL_URL="smtp://127.0.0.1:1", DATABASE_URL=database))
        assert "mail: 127.0.0.1:1 does not answer" in found

    def test_a_replica_that_is_a_primary(self, doctor: Doctor, database: str) -> None:
        found = sentences(doctor(REPLICA_DATABASE_URL=database, DATABASE_URL=database))
        assert "replica: REPLICA_DATABASE_URL is the address of a primary" in found

    def test_a_replica_that_is_down(self, doctor: Doctor, database: str) -> None:
        down = "postgres://nobody@127.0.0.1:1/examined"
        found = sentences(doctor(REPLICA_DATABASE_URL=down, DATABASE_URL=database))
        assert "replica: Database 'examined' at 127.0.0.1:1" in found


@pytest.mark.skipif(EMBEDDED is None or int(EMBEDDED) < 16, reason="createrole_self_grant is new")
def test_an_administrator_who_is_not_a_superuser_migrates_and_creates_the_roles(
    manage: Run, server: Server
) -> None:
    superuser = url(server)
    ask(superuser, "CREATE ROLE administrator LOGIN CREATEROLE")
    ask(superuser, "CREATE DATABASE managed OWNER administrator")
    administered = url(server, "managed").replace("postgres@", "administrator@")
    ask(administered, "ALTER ROLE CURRENT_USER SET createrole_self_grant = 'set, inherit'")
    try:
        for command in (
            "migrate -v0",
            "pgtrigger install",
            "pgtrigger roles --app managed_app --owner managed_owner --apply",
            "pgtrigger check",
        ):
            ended = manage(*command.split(), DATABASE_URL=administered)
            assert ended.returncode == 0, ended.stderr
        owned = administered.replace("administrator@", "managed_owner@")
        assert manage("migrate", "-v0", DATABASE_URL=owned).returncode == 0
        owners = "SELECT string_agg(DISTINCT tableowner, '') FROM pg_tables"
        assert ask(owned, f"{owners} WHERE schemaname = 'public'") == "managed_owner"
    finally:
        ask(superuser, "DROP DATABASE managed WITH (FORCE)")


class TestBackupAndRestore:
    @pytest.fixture
    def empty(self, server: Server) -> Iterator[str]:
        ask(url(server), "CREATE DATABASE restored")
        yield url(server, "restored")
        ask(url(server), "DROP DATABASE restored WITH (FORCE)")

    def contents(self, database: str) -> dict[str, list[Any]]:
        """Return the rows of every table, and the definitions of triggers and functions."""
        found: dict[str, list[Any]] = {}
        with psycopg.connect(database) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (table,) in tables:
                rows = connection.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
                found[table] = rows.fetchall()
            for name, query in {
                "triggers": "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
                "functions": "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace ="
                " 'public'::regnamespace",
                "sequences": "SELECT sequencename, last_value FROM pg_sequences",
            }.items():
                found[name] = sorted(connection.execute(query).fetchall())
        return found

    def test_everything_is_the_same_in_another_database(
        self, manage: Run, database: str, empty: str, tmp_path: Path
    ) -> None:
        assert manage("demo_account", DATABASE_URL=database).returncode == 0
        file = str(tmp_path / "backups/one.dump")
        written = manage("backup", file, DATABASE_URL=database)
        assert (written.returncode, written.stderr) == (0, "")
        assert written.stdout.startswith(f"Wrote {file} (")
        restored = manage("restore", file, DATABASE_URL=empty)
        assert (restored.returncode, restored.stderr) == (0, "")
        assert self.contents(empty) == self.contents(database)
        assert len(self.contents(empty)["project_user"]) == 1
        assert manage("doctor", DATABASE_URL=empty).returncode == 0

    def test_a_database_that_is_not_empty_is_left_alone(
        self, manage: Run, database: str, tmp_path: Path
    ) -> None:
        file = str(tmp_path / "one.dump")
        manage("backup", file, DATABASE_URL=database)
        before = self.contents(database)
        ended = manage("restore", file, DATABASE_URL=database)
        assert ended.returncode == 1
        assert "restore into an empty database" in ended.stderr
        assert self.contents(database) == before

    def test_a_file_is_never_replaced(self, manage: Run, database: str, tmp_path: Path) -> None:
        file = tmp_path / "one.dump"
        file.write_text("kept")
        ended = manage("backup", str(file), DATABASE_URL=database)
        assert (ended.returncode, file.read_text()) == (1, "kept")

    def test_a_file_that_is_damaged_leaves_the_database_empty(
        self, manage: Run, database: str, empty: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "one.dump"
        manage("backup", str(file), DATABASE_URL=database)
        content = file.read_bytes()
        file.write_bytes(content[: len(content) * 2 // 3])
        ended = manage("restore", str(file), DATABASE_URL=empty)
        assert ended.returncode == 1
        assert "pg_restore failed" in ended.stderr
        assert ask(empty, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0

    @pytest.mark.skipif(
        not OTHER_VERSIONS or Path(f"/usr/lib/postgresql/{EMBEDDED}").exists(),
        reason="there are no other PostgreSQL programs, or also those of this version",
    )
    def test_programs_older_than_the_server_are_an_error_that_names_the_version(
        self, manage: Run, database: str, tmp_path: Path
    ) -> None:
        older = str(OTHER_VERSIONS[0])
        file = str(tmp_path / "one.dump")
        ended = manage("backup", file, DATABASE_URL=database, POSTGRES_PROGRAMS=older)
        assert ended.returncode == 1
        assert f"Install the client programs of PostgreSQL {EMBEDDED} " in ended.stderr

    @pytest.mark.skipif(not OTHER_VERSIONS, reason="there are no other PostgreSQL programs")
    def test_a_server_of_another_version_than_the_embedded_one(
        self, manage: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = str(tmp_path / "one.dump")
        with monkeypatch.context() as patched:
            patched.setenv("POSTGRES_PROGRAMS", str(OTHER_VERSIONS[0]))
            os.chmod(tmp_path, 0o755)
            older = Server(tmp_path / "older")
            older.start()
            try:
                ask(url(older), "CREATE DATABASE first")
                ask(url(older), "CREATE DATABASE second")
                first, second = url(older, "first"), url(older, "second")
                assert manage("migrate", "-v0", DATABASE_URL=first).returncode == 0
                assert manage("backup", file, DATABASE_URL=first).returncode == 0
                restored = manage("restore", file, DATABASE_URL=second)
                assert (restored.returncode, restored.stderr) == (0, "")
                assert self.contents(second) == self.contents(first)
            finally:
                older.stop()
