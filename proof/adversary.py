"""Tests of what somebody may try who has a role, a browser or bad luck, and their counts.

A test counts with pytest's ``record_property("asyncio checks", 384)``.
https://docs.pytest.org/en/stable/how-to/output.html#record-property
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proof.claims import CannotRun, claim
from proof.servers import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.claims import Run

NOT_RUN = 5  # pytest's exit code if it has collected nothing
TRIGGERS, SESSION = "tests/pgtrigger/triggers", "tests/pgtrigger/session"


@dataclass(frozen=True)
class Tests:
    """A claim that tests show: what pytest is given."""

    sentence: str
    arguments: tuple[str, ...]


CLAIMS = {
    "roles": Tests(
        "A role that may only write tables gets past no rule and forges no event",
        (
            "tests/pgtrigger/roles",
            *(f"{TRIGGERS}/test_names.py", f"{TRIGGERS}/test_settings_of_a_role.py"),
            "tests/pghistory/writing/test_definer.py",
            "tests/pghistory/past",
        ),
    ),
    "races": Tests(
        "Rules hold for two and eight connections at every isolation level",
        (
            *(f"{TRIGGERS}/test_{name}.py" for name in ("fsm", "relations", "aggregates")),
            *(f"{TRIGGERS}/test_{name}.py" for name in ("active_parent", "report_mode")),
            *("-k", "READ or SERIALIZABLE"),
        ),
    ),
    "scopes": Tests(
        "ignore(), schema(), constraints() and context() hold for the right statements only",
        (SESSION, "tests/pghistory/writing/test_context.py"),
    ),
    "poolers": Tests(
        "Nothing is left in sessions that PgBouncer or Django's pool share",
        ("tests/project/test_poolers.py",),
    ),
    "names": Tests(
        "A name of the database is only a name, whatever its characters are",
        ("tests/pgtrigger/test_hostile_names.py",),
    ),
    "visitors": Tests(
        "No request is an error of the server, and no visitor waits for another",
        (
            *("tests/tutorial/test_crawl.py", "tests/tutorial/test_busy.py"),
            *("tests/tutorial/test_exercises.py", "tests/tutorial/test_sandbox.py"),
            "tests/tutorial/test_running.py",
        ),
    ),
}


def _shown_by(tests: Tests) -> Callable[[Run], None]:
    def show(run: Run) -> None:
        with tempfile.TemporaryDirectory(prefix="proof-") as name:
            report = Path(name) / "report.xml"
            chosen = "not long" if run.short else "not browser"
            ended = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-q", "-m", chosen, "--reuse-db"),
                    # The newer family has no properties.
                    *(f"--junitxml={report}", "-o", "junit_family=xunit1", *tests.arguments),
                ],
                cwd=ROOT,
                capture_output=True,
                text=True,
            )
            if ended.returncode == NOT_RUN:
                raise CannotRun(ended.stdout)
            if ended.returncode:
                run.violations.append(ended.stdout[-3000:] + ended.stderr[-1000:])
            run.figures |= counted(report)

    return show


def counted(report: Path) -> dict[str, int]:
    """Return how many tests passed, how many were skipped, and the sums of what they counted."""
    figures: Counter[str] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        outcomes = {child.tag for child in case} & {"failure", "error", "skipped"}
        figures[f"tests {min(outcomes, default='passed')}"] += 1
        for each in case.iter("property"):
            figures[each.attrib["name"]] += int(each.attrib["value"])
    return dict(figures)


for _name, _tests in CLAIMS.items():
    _run = _shown_by(_tests)
    _run.__name__ = _name
    claim(_tests.sentence, area="adversaries")(_run)
