"""project/database/embedded.py, on real servers that are killed, deleted and started at once."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg import sql

from project.database import binaries
from project.database.binaries import NOBODY
from project.database.embedded import Server
from project.errors import DatabaseUnavailable
from tests.project.conftest import needs_the_wheel

START = """
import os, sys
from pathlib import Path
from project.database.embedded import Server
from project.errors import DatabaseUnavailable
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
try:
    Server(Path(sys.argv[1])).start()
except DatabaseUnavailable as error:
    sys.exit(str(error))
"""

pytestmark = needs_the_wheel
in_a_namespace = pytest.mark.skipif(
    not binaries.namespaces_work(), reason="this machine does not allow user namespaces"
)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act for other users")


def starting(
    folder: Path,
    *,
    prefix: Sequence[str] = (),
    user: int | None = None,
    env: dict[str, str] | None = None,
) -> "subprocess.Popen[str]":
    """Start the folder's server in another process, as the user."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", START, folder, *([] if user is None else [str(user)])],
        cwd=settings.BASE_DIR,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def connect(server: Server) -> "psycopg.Connection[tuple[object, ...]]":
    host = str(server.socket_folder())
    return psycopg.connect(host=host, user="postgres", dbname="postgres", autocommit=True)


def ask(server: Server, query: str) -> object:
    with connect(server) as connection:
        row = connection.execute(query).fetchone()
    return row and row[0]


def process_of(server: Server) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


class TestStarting:
    def test_the_server_answers_on_a_private_socket_and_nowhere_else(self, server: Server) -> None:
        server.start()
        sockets = server.socket_folder()
        assert sockets is not None
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert ask(server, "SHOW listen_addresses") == ""

    def test_starting_twice_leaves_the_first_server_running(self, server: Server) -> None:
        server.start()
        first = process_of(server)
        server.start()
        assert process_of(server) == first

    def test_processes_that_start_at_once_share_one_server(self, server: Server) -> None:
        together = [starting(server.folder) for _ in range(4)]
        assert [(each.wait(), each.communicate()[1]) for each in together] == [(0, "")] * 4
        assert server.log.read_text().count("starting PostgreSQL") == 1

    def test_a_path_too_long_for_a_socket_serves(self, server: Server) -> None:
        deep = server.folder.parent.joinpath(*["a folder of a long name"] * 6)
        deep.mkdir(parents=True)
        long = Server(deep / "postgres")
        try:
            long.start()
            assert long.answers()
        finally:
            long.stop()

    def test_libpq_variables_of_the_shell_lead_nowhere_else(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {"PGDATA": "/nowhere", "PGPORT": "1", "PGHOST": "nowhere"}.items():
            monkeypatch.setenv(name, value)
        server.start()
        assert server.answers()

    def test_contrib_is_included(self, server: Server) -> None:
        server.start()
        with connect(server) as connection:
            for extension in ("btree_gist", "citext", "hstore", "pg_trgm", "unaccent"):
                connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(extension)))
            found = connection.execute("SELECT similarity('word', unaccent('wörd'))").fetchone()
        assert found == (1.0,)


class TestAfterAKill:
    def test_data_outlive_the_server(self, server: Server) -> None:
        server.start()
        with connect(server) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(process_of(server), signal.SIGKILL)
        server.start()
        assert ask(server, "SELECT answer FROM kept") == 42

    def test_a_stale_pid_file_is_not_believed_though_the_number_lives(self, server: Server) -> None:
        server.start()
        killed = process_of(server)
        os.kill(killed, signal.SIGKILL)
        pid_file = server.data / "postmaster.pid"
        pid_file.write_text(pid_file.read_text().replace(str(killed), str(os.getppid()), 1))
        server.start()
        assert server.answers()

    def test_the_starter_may_be_killed_while_it_makes_the_data(self, server: Server) -> None:
        starter = starting(server.folder)
        while not server.unfinished.exists() and starter.poll() is None:
            time.sleep(0.001)
        starter.kill()
        starter.communicate()
        assert not server.data.exists()
        server.start()
        assert server.answers()
        assert not server.unfinished.exists()

    def test_a_folder_deleted_under_its_server_gets_a_new_one(self, server: Server) -> None:
        server.start()
        orphan, sockets = process_of(server), server.socket_folder()
        shutil.rmtree(server.folder)
        server.start()
        with suppress(ProcessLookupError):  # each minute a server looks for its folder, and ends
            os.kill(orphan, signal.SIGTERM)
        while Path(f"/proc/{orphan}").exists():
            time.sleep(0.01)
        assert server.answers()
        assert server.socket_folder() != sockets
        shutil.rmtree(str(sockets))

    def test_a_server_whose_socket_was_cleared_away_is_replaced(self, server: Server) -> None:
        server.start()
        shutil.rmtree(str(server.socket_folder()))
        server.start()
        assert server.answers()

    def test_the_killed_server_s_socket_folder_is_cleared_away(self, server: Server) -> None:
        server.start()
        first = server.socket_folder()
        os.kill(process_of(server), signal.SIGKILL)
        server.start()
        assert first is not None
        assert not first.exists()


class TestStopping:
    def test_stopping_ends_the_server(self, server: Server) -> None:
        server.start()
        assert server.stop() is True
        assert not server.answers()

    def test_where_none_runs_there_is_nothing_to_stop(self, server: Server) -> None:
        assert server.stop() is False
        server.start()
        server.stop()
        assert server.stop() is False

    def test_nothing_is_left_in_tmp(self, server: Server) -> None:
        server.start()
        sockets = server.socket_folder()
        server.stop()
        assert sockets is not None
        assert not sockets.exists()


class TestRefusing:
    """Each names the folder, says what was found, and offers DATABASE_URL as the way out."""

    def refusal(self, server: Server) -> str:
        with pytest.raises(DatabaseUnavailable) as caught:
            server.start()
        sentence = str(caught.value)
        assert sentence.count("\n") == 0
        assert sentence.endswith("or set DATABASE_URL.")
        return sentence

    def test_a_folder_with_other_things_in_it(self, server: Server) -> None:
        server.folder.mkdir()
        (server.folder / "PG_VERSION").write_text("13\n")
        assert "contains 'PG_VERSION'" in self.refusal(server)

    def test_data_of_another_version(self, server: Server) -> None:
        server.data.mkdir(parents=True)
        (server.data / "PG_VERSION").write_text("9\n")
        programs = f"is PostgreSQL {binaries.major_version()}"
        assert programs in (sentence := self.refusal(server))
        assert "contains PostgreSQL 9" in sentence

    def test_programs_that_are_not_there(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("POSTGRES_PROGRAMS", "/usr/games")
        with pytest.raises(DatabaseUnavailable, match="'/usr/games', which does not contain"):
            server.start()

    def test_data_that_no_server_made(self, server: Server) -> None:
        server.data.mkdir(parents=True)
        assert "contains no database" in self.refusal(server)

    def test_a_file_where_the_folder_belongs(self, server: Server) -> None:
        server.folder.write_text("")
        assert "File exists" in self.refusal(server)
        server.folder.unlink()

    def test_data_that_the_server_cannot_read(self, server: Server) -> None:
        server.start()
        server.stop()
        (server.data / "global" / "pg_control").write_bytes(b"")
        assert "pg_control" in self.refusal(server)

    def test_a_full_disk_is_named_in_the_error(self, tmp_path: Path) -> None:
        mounting = ["unshare", "--mount"] + ["--map-root-user"] * (os.geteuid() != 0)
        script = f"mount -t tmpfs -o size=16m none '{tmp_path}' && exec \"$@\""
        if subprocess.run([*mounting, "sh", "-c", script, "sh", "true"]).returncode != 0:
            pytest.skip("this machine lets nobody mount a small disk")
        starter = starting(tmp_path / "folder", prefix=[*mounting, "sh", "-c", script, "sh"])
        _, sentence = starter.communicate()
        assert starter.returncode == 1
        assert "No space left on device" in sentence
        assert "free 64 MB there, or set DATABASE_URL." in sentence
        assert sentence.count("\n") == 1


@pytest.fixture
def public_folder() -> Iterator[Path]:
    """A folder that any user may look into, as pytest's are not."""
    path = Path("/tmp") / f"embedded-{os.getpid()}"
    path.mkdir(mode=0o755)
    yield path
    shutil.rmtree(path)


@as_root
class TestUsers:
    @in_a_namespace
    def test_root_s_files_stay_root_s(self, server: Server) -> None:
        server.start()
        assert server.data.stat().st_uid == 0

    def test_root_runs_the_server_as_the_owner_of_the_folder(self, public_folder: Path) -> None:
        server = Server(public_folder / "postgres")
        server.folder.mkdir()
        os.chown(server.folder, NOBODY.pw_uid, NOBODY.pw_gid)
        try:
            server.start()
            assert {path.stat().st_uid for path in server.folder.iterdir()} == {NOBODY.pw_uid}
        finally:
            server.stop()

    @in_a_namespace
    def test_a_user_whom_the_machine_does_not_know_is_served(self, public_folder: Path) -> None:
        programs = binaries.folder().resolve()
        if not all(path.stat().st_mode & 0o001 for path in (programs, *programs.parents)):
            pytest.skip(f"{programs} is closed to other users")
        unknown = 54321
        os.chown(public_folder, unknown, unknown)
        server = Server(public_folder / "postgres")
        try:
            starter = starting(server.folder, user=unknown)
            assert (starter.wait(), starter.communicate()[1]) == (0, "")
            assert server.data.stat().st_uid == unknown
        finally:
            server.stop()

    def test_without_namespaces_it_is_nobody_s_even_in_a_closed_folder(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin/setpriv").symlink_to(str(shutil.which("setpriv")))  # and no unshare
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        server = Server(closed / "postgres")
        try:
            starter = starting(server.folder, env={"PATH": str(tmp_path / "bin")})
            assert (starter.wait(), starter.communicate()[1]) == (0, "")
            assert Path(f"/proc/{process_of(server)}").stat().st_uid == NOBODY.pw_uid
        finally:
            server.stop()

    def test_another_user_s_folder_is_refused(self, public_folder: Path) -> None:
        starter = starting(public_folder, user=NOBODY.pw_uid)
        _, sentence = starter.communicate()
        assert starter.returncode == 1
        assert f"{public_folder} belongs to root" in sentence
