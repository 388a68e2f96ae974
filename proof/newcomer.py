"""A newcomer follows the README and the quick start, block by block, as an ordinary new user.

The blocks are read from the pages, so a command or an output that is changed there is followed as
it is written. Commands of Docker are left out.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from proof.claims import CannotRun, claim
from proof.servers import ROOT, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from proof.claims import Run

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A chapter that a page shows, and what it prints.
SCENARIO = re.compile(
    r"<!-- generated: scenario (\w+) -->.*?^prints\n\n```text\n(.*?)^```", re.MULTILINE | re.DOTALL
)
PATIENCE = 1_800  # seconds: the first command installs all requirements


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each block of a page."""
    return BLOCK.findall(page.read_text())


class Newcomer:
    """An ordinary user with an empty home, and what its commands printed.

    If this process is root, it is a user that is created for this; otherwise it is this process's
    user with another home.
    """

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.home = name, home
        self.prefix = ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups"]
        if os.geteuid() != 0:
            self.prefix = []
        self.environment = {
            **{k: os.environ[k] for k in ("PATH", "LANG", "PIP_INDEX_URL") if k in os.environ},
            **{k: v for k, v in os.environ.items() if k.startswith("PIP_")},
            "HOME": str(home),
            "USER": name,
        }

    def start(self, command: str, folder: Path, **variables: str) -> subprocess.Popen[str]:
        """Start a line of shell in a folder."""
        return subprocess.Popen(
            [*self.prefix, "bash", "-c", command],
            cwd=folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, folder: Path, **variables: str) -> str:
        """Run a line of shell and return its output.

        Raises:
            Stuck: Its exit code is not 0.
        """
        started = self.start(command, folder, **variables)
        output, _ = started.communicate(timeout=PATIENCE)
        if started.returncode:
            raise Stuck(f"{command} ended with {started.returncode}:\n{output[-3000:]}")
        return output

    def write(self, path: Path, text: str) -> None:
        """Write a file that belongs to the user."""
        path.write_text(text)
        if self.prefix:
            owner = pwd.getpwnam(self.name)
            os.chown(path, owner.pw_uid, owner.pw_gid)


class Stuck(Exception):
    """A command of the pages failed, or printed something else. The message says which."""


@contextmanager
def newcomer() -> Iterator[Newcomer]:
    """Create a user with an empty home, and remove both at the end.

    Raises:
        CannotRun: No user can be created.
    """
    with tempfile.TemporaryDirectory(prefix="newcomer-", dir="/tmp") as folder:
        home = Path(folder) / "home"
        if os.geteuid() != 0:
            home.mkdir()
            yield Newcomer(os.environ.get("USER", "user"), home)
            return
        os.chmod(folder, 0o755)
        name = f"newcomer{os.getpid()}"
        add = ["useradd", "--create-home", "--home-dir", str(home), "--user-group", name]
        try:
            subprocess.run(add, check=True, capture_output=True, text=True)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise CannotRun(f"a user cannot be created: {error}") from None
        try:
            yield Newcomer(name, home)
        finally:
            subprocess.run(["userdel", name], check=True, capture_output=True)


@claim("A newcomer who follows the README and the quick start gets what they say", area="learning")
def newcomers_path(run: Run) -> None:
    """Clone, run each block, and compare what is printed with the block below it."""
    with newcomer() as user, _clone(user) as clone:
        try:
            _follow_readme(run, user, clone)
            _follow_quick_start(run, user, clone)
        except Stuck as error:
            run.violations.append(str(error))
        finally:
            with suppress(Stuck):
                user.run("make stop", clone)


@contextmanager
def _clone(user: Newcomer) -> Iterator[Path]:
    clone = user.home / "rules"
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    if user.prefix:
        subprocess.run(["chown", "--recursive", f"{user.name}:", str(clone)], check=True)
    yield clone


def _follow_readme(run: Run, user: Newcomer, clone: Path) -> None:
    page = (clone / "README.md").read_text()
    commands = [
        line.partition("#")[0].strip()
        for language, text in blocks(clone / "README.md")
        if language == "sh" and "docker" not in text
        for line in text.splitlines()
    ]
    for command in commands:
        run.say(command)
        if command == "make demo":
            _look_at_the_demo(user, clone)
        elif command == "make test" and run.short:
            user.run(f'{command} ARGS="-n 0 tests/tutorial/test_walkthrough.py"', clone)
        elif command:
            user.run(command, clone)
    for scenario, output in SCENARIO.findall(page):
        command = f"make walkthrough ARGS={scenario.replace('_', '-')}"
        run.say(command)
        _expect(output.splitlines()[0], user.run(command, clone), command)
    run.figures["commands of the README"] = len(commands)


def _look_at_the_demo(user: Newcomer, clone: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = user.start("make demo", clone, PORT=str(port))

    def answers() -> bool:
        if started.poll() is not None:
            raise Stuck(f"make demo ended: {started.communicate()[0][-3000:]}")
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/").status == 200)
        except (urllib.error.URLError, OSError):
            return False

    try:
        wait_for(answers, "the demo answers", PATIENCE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGINT)
    _expect("Log in as admin, password admin", started.communicate()[0], "make demo")


def _expect(expected: str, found: str, command: str) -> None:
    if expected.strip() not in found:
        raise Stuck(f"{command} printed:\n{found[-3000:]}\nand not:\n{expected}")


def _follow_quick_start(run: Run, user: Newcomer, clone: Path) -> None:
    """Make a project beside the clone, and do to it what each block of the page says."""
    found = blocks(clone / "docs/quick-start.md")
    sessions = [text for language, text in found if language == "python"]
    apps, model, session, test = sessions
    shell = "".join(text for language, text in found if language == "sh")
    wheel, *commands = [line.partition("    #")[::2] for line in shell.splitlines()]
    user.run(f"{clone}/.venv/bin/python -m venv site", user.home)
    programs = user.home / "site/bin"
    build = wheel[1].partition("built with: ")[2]
    user.run(f"{programs}/pip install --quiet Django 'psycopg[binary]' pytest-django", user.home)
    user.run(f"{programs}/{build} --wheel-dir {user.home} --quiet", clone)
    user.run(f"{programs}/{wheel[0]}", user.home)
    user.run(f"{programs}/django-admin startproject mysite", user.home)
    project = user.home / "mysite"
    user.run(f"{programs}/python manage.py startapp shop", project)
    user.write(project / "mysite/settings.py", _settings(project, apps, clone))
    user.write(project / "shop/models.py", model)
    for command, comment in commands:
        run.say(command)
        output = user.run(f"{programs}/{command}", project)
        if promised := re.match(r"\s*(INSTALLED.*?) \.\.\.", comment):
            _expect(" ".join(promised[1].split()), " ".join(output.split()), command)
    run.say("the session and the test")
    imports = ">>> from shop.models import *\n"
    user.write(project / "session.txt", imports + session)
    check = "import doctest, sys; sys.exit(doctest.testfile('session.txt', module_relative=False,"
    check += " optionflags=doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS).failed)"
    user.run(f'{programs}/python manage.py shell -c "{check}"', project)
    user.write(project / "test_invoice.py", f"from shop.models import Invoice\n{test}")
    pytest = f"{programs}/python -m pytest -q --ds mysite.settings test_invoice.py"
    _expect("1 passed", user.run(pytest, project), pytest)
    run.figures["blocks of the quick start"] = len(found)


def _settings(project: Path, apps: str, clone: Path) -> str:
    """Return Django's settings with the block's apps before the others, and a database."""
    pid = (clone / ".postgres/data/postmaster.pid").read_text().splitlines()
    text = (project / "mysite/settings.py").read_text()
    text += "\nOTHER_APPS = INSTALLED_APPS\n" + apps
    text += "INSTALLED_APPS += [*OTHER_APPS, 'shop']\n"
    database = {"ENGINE": "django.db.backends.postgresql", "NAME": "postgres"}
    return text + f"DATABASES = {{'default': {database | {'USER': 'postgres', 'HOST': pid[4]}}}}\n"
