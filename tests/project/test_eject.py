"""``make eject`` and ``make template``, from a copy of this repository to the first refusal."""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from django.conf import settings

from project.database.embedded import Server
from project.eject import CannotEject, check, eject
from project.eject.template import build, copy_repository
from tests.project.conftest import READ, needs_the_wheel

pytestmark = pytest.mark.skipif(
    not (settings.BASE_DIR / ".github").exists(),
    reason="the image leaves out files",
)
APP = "blog"  # sorted before every library, so that imports have to be sorted again


@pytest.fixture(scope="module")
def ejected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this repository after ``make eject APP=blog``."""
    folder = tmp_path_factory.mktemp("eject") / "mysite"
    copy_repository(settings.BASE_DIR, folder)
    check(folder, APP)
    eject(folder, APP)
    return folder


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project that ``django-admin startproject`` creates from the template."""
    folder = tmp_path_factory.mktemp("template")
    build(folder / "template.zip", APP)
    command = ["startproject", "--template", "template.zip", "--exclude", ".git", "mysite"]
    subprocess.run([sys.executable, "-m", "django", *command], cwd=folder, check=True)
    return folder / "mysite"


@pytest.fixture(params=["ejected", "started"])
def folder(request: pytest.FixtureRequest) -> Path:
    """The folder of a project that began in one of the two ways."""
    path: Path = request.getfixturevalue(request.param)
    return path


def run(folder: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a program in the project's folder, without the variables of this one."""
    environment = {name: value for name, value in os.environ.items() if name not in READ}
    return subprocess.run(
        command,
        cwd=folder,
        env=environment | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def files(folder: Path) -> list[Path]:
    """Return the project's files, without what a command writes."""
    written = {".venv", ".postgres", "__pycache__", ".ruff_cache", ".mypy_cache"}
    return [
        path for path in sorted(folder.rglob("*")) if path.is_file() and not written & {*path.parts}
    ]


def test_nothing_of_the_tutorial_remains(folder: Path) -> None:
    found = [
        str(path.relative_to(folder))
        for path in files(folder)
        if "docs" not in path.parts and "tutorial" in path.read_text().lower()
    ]
    assert found == []
    removed = {"bench", "life", "proof", "tutorial", "CHANGELOG.md"}
    assert not removed & {path.name for path in folder.iterdir()}


def test_both_ways_give_the_same_files(ejected: Path, started: Path) -> None:
    contents = [
        {str(path.relative_to(folder)): path.read_bytes() for path in files(folder)}
        for folder in (ejected, started)
    ]
    # Only the time in the header of the first migration differs.
    for content in contents:
        name = f"{APP}/migrations/0001_initial.py"
        content[name] = content[name].partition(b"\n")[2]
    assert contents[0] == contents[1]


def test_programs_can_be_run(folder: Path) -> None:
    assert os.access(folder / "manage.py", os.X_OK)
    assert os.access(folder / "deploy/install", os.X_OK)


def test_ruff_finds_nothing(folder: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        ended = run(folder, sys.executable, "-m", "ruff", *command, "--no-cache", ".")
        assert ended.returncode == 0, ended.stdout


@pytest.mark.long
def test_mypy_checks_the_app_and_finds_nothing(ejected: Path) -> None:
    ended = run(ejected, sys.executable, "-m", "mypy", "--cache-dir", os.devnull)
    assert ended.returncode == 0, ended.stdout
    views = ejected / APP / "views.py"
    source = views.read_text()
    views.write_text(source + "\n\ndef wrong() -> int:\n    return ''\n")
    ended = run(ejected, sys.executable, "-m", "mypy", "--cache-dir", os.devnull)
    views.write_text(source)
    assert f"{APP}/views.py" in ended.stdout


def test_every_file_that_the_readme_links_to_is_there(folder: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", (folder / "README.md").read_text())
    assert links
    assert [link for link in links if not (folder / link).exists()] == []


def test_the_settings_have_no_finding_and_the_migrations_are_complete(folder: Path) -> None:
    database = "postgres://nobody@127.0.0.1:1/nowhere"
    for command in (["check"], ["makemigrations", "--check", "--dry-run"]):
        ended = run(
            folder,
            *("env", f"DATABASE_URL={database}", sys.executable, "-W", "ignore", "manage.py"),
            *command,
        )
        assert ended.returncode == 0, ended.stderr


@needs_the_wheel
def test_its_tests_pass_in_a_database_of_its_own(ejected: Path) -> None:
    command = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", f"tests/{APP}"]
    try:
        ended = run(ejected, sys.executable, *command)
        assert ended.returncode == 0, ended.stdout
        assert "6 passed" in ended.stdout
    finally:
        Server(ejected / ".postgres").stop()


@needs_the_wheel
def test_every_test_that_it_keeps_can_be_collected(ejected: Path) -> None:
    """A test that needs a file of this repository has to be in the list of what is removed."""
    command = [
        "-m",
        "pytest",
        "--collect-only",
        "-q",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        "-m",
        "",
    ]
    try:
        ended = run(ejected, sys.executable, *command)
    finally:
        Server(ejected / ".postgres").stop()
    assert ended.returncode == 0, ended.stdout[-3000:]


@needs_the_wheel
def test_another_app_is_created_linted_tested_and_layered(ejected: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mysite"
    shutil.copytree(ejected, folder, ignore=shutil.ignore_patterns(".postgres"))
    ended = run(folder, sys.executable, "manage.py", "startapp", "orders")
    assert ended.returncode == 0, ended.stderr
    follow(ended.stdout, folder)
    lint = run(
        folder, sys.executable, "-m", "ruff", "check", "--no-cache", "orders", "tests/orders"
    )
    assert lint.returncode == 0, lint.stdout
    wrong = folder / "pgtrigger/wrong.py"
    wrong.write_text("import orders.models\n")
    command = ["-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    try:
        tests = run(
            folder, sys.executable, *command, "tests/orders", "tests/project/test_layers.py"
        )
    finally:
        Server(folder / ".postgres").stop()
    assert "a_library_imports_neither_an_app_nor_the_project[orders-pgtrigger]" in tests.stdout
    assert "1 failed" in tests.stdout


def follow(advice: str, folder: Path) -> None:
    """Do what ``startapp`` says is to be done."""
    found = re.search(r'Add "(\w+)" to (\w+) in (\S+) and (.+) to (\S+), then run', advice)
    assert found
    app, setting, settings_file, pattern, urls_file = found.groups()
    for name, list_, line in (
        (settings_file, f"{setting} = [", f'"{app}"'),
        (urls_file, "urlpatterns = [", pattern),
    ):
        text = (folder / name).read_text()
        assert list_ in text
        (folder / name).write_text(text.replace(list_, f"{list_}\n    {line},"))
    database = "DATABASE_URL=postgres://nobody@127.0.0.1:1/nowhere"
    command = [sys.executable, "-W", "ignore", "manage.py", "makemigrations", app]
    ended = run(folder, "env", database, *command)
    assert ended.returncode == 0, ended.stderr


def documented(heading: str, **places: str) -> str:
    """Return the shell commands of a section on how to update, with its placeholders replaced."""
    page = (settings.BASE_DIR / "docs/operations/updating.md").read_text()
    section = page.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    for name, value in places.items():
        commands = commands.replace(f"<{name}>", value)
    return commands.replace("<address of the template>", places.get("checkout", ""))


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """A checkout of a release that has another version, a new module, and one module less."""
    folder = tmp_path / "newer"
    copy_repository(settings.BASE_DIR, folder)
    module = folder / "pgtrigger/__init__.py"
    module.write_text(re.sub(r'__version__ = ".*"', '__version__ = "99.0"', module.read_text()))
    (folder / "pgtrigger/added.py").touch()
    return folder


@pytest.fixture
def older(ejected: Path, tmp_path: Path) -> Path:
    """A project with a module that the newer release does not have."""
    folder = tmp_path / "mysite"
    shutil.copytree(ejected, folder, ignore=shutil.ignore_patterns(".postgres"))
    (folder / "pgtrigger/removed.py").touch()
    return folder


def commit(folder: Path) -> None:
    author = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    for command in (["init", "--initial-branch=main"], ["add", "."], [*author, "commit", "-mAll"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)


def assert_is_updated(project: Path) -> None:
    version = run(project, sys.executable, "-c", "import pgtrigger; print(pgtrigger.__version__)")
    assert version.stdout == "99.0\n"
    assert (project / "pgtrigger/added.py").exists()
    assert not (project / "pgtrigger/removed.py").exists()
    assert list(project.glob("*.dist-info")) == []
    nowhere = "DATABASE_URL=postgres://nobody@127.0.0.1:1/nowhere"
    command = ["manage.py", "makemigrations", "--check", "--dry-run"]
    ended = run(project, "env", nowhere, sys.executable, "-W", "ignore", *command)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_libraries_are_updated_with_git(newer: Path, older: Path) -> None:
    commit(newer)
    commit(older)
    ended = run(older, "sh", "-ec", documented("With git", checkout=str(newer)))
    assert ended.returncode == 0, ended.stderr
    assert_is_updated(older)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_the_libraries_are_updated_from_a_wheel(newer: Path, older: Path) -> None:
    build, replace = documented("From a wheel", checkout=str(newer)).split("\n\n")
    build = build.replace("python -m", f"{shlex.quote(sys.executable)} -m")
    built = run(newer, "env", "PIP_NO_BUILD_ISOLATION=0", "sh", "-ec", build)
    assert built.returncode == 0, built.stderr
    ended = run(older, "sh", "-ec", replace)
    assert ended.returncode == 0, ended.stderr
    assert_is_updated(older)


@pytest.mark.parametrize("version", ["3.11", "3.13"])
@pytest.mark.long
@needs_the_wheel
@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_lint_test_and_demo_work_in_the_new_folder(folder: Path, version: str) -> None:
    """Use a separate virtual environment, as somebody does who has just received the files."""
    python = f"PYTHON={python_of(version)}"
    try:
        for target in ("lint", "test"):
            ended = run(folder, "make", python, target)
            assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
        assert re.search(r"\d+ passed", ended.stdout)
        assert "Nothing is published yet." in page_of_the_demo(folder, python)
        assert first_refusal(folder) == "pgtrigger: Cannot delete rows from blog_item table"
    finally:
        run(folder, "make", "stop")


def python_of(version: str) -> str:
    """Return a Python of this version, or skip the test."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return str(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        pytest.skip(f"python{version} is not installed")
    return found


def page_of_the_demo(folder: Path, python: str) -> str:
    """Run ``make demo`` until its page is there, and return the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name not in READ}
    demo = subprocess.Popen(
        ["make", python, "demo", f"PORT={port}"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        for _ in range(300):
            time.sleep(0.2)
            try:
                with urlopen(f"http://127.0.0.1:{port}/") as answer:
                    return str(answer.read().decode())
            except OSError:
                continue
        raise AssertionError("make demo did not serve")
    finally:
        os.killpg(demo.pid, signal.SIGINT)
        demo.communicate()


def first_refusal(folder: Path) -> str:
    """Delete a published item in the shell of the demo's database, and return the message."""
    code = "Item.objects.create(name='a', status='published').delete()"
    ended = run(folder, "make", "--silent", "shell", f'ARGS=-v0 --quiet-load -c "{code}"')
    found = re.search(r"pgtrigger: Cannot delete rows from \w+ table", ended.stderr)
    assert found, ended.stderr
    return found[0]


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
class TestRefused:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        (tmp_path / "tutorial").mkdir()
        subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
        return tmp_path

    def test_with_work_that_is_not_committed(self, copy: Path) -> None:
        (copy / "new.py").touch()
        with pytest.raises(CannotEject, match=r"not committed:\n\?\? new\.py"):
            check(copy, APP)

    @pytest.mark.parametrize("name", ["Shop", "my-shop", "1", "", "tutorial"])
    def test_with_a_name_that_an_app_cannot_have(self, copy: Path, name: str) -> None:
        with pytest.raises(CannotEject, match="use"):
            check(copy, name)

    def test_ejecting_twice_is_an_error(self, ejected: Path) -> None:
        with pytest.raises(CannotEject, match="ejected already"):
            check(ejected, "another")
