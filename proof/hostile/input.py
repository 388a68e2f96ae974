"""Whatever is typed or sent, the answer is the documented one: coverage-guided fuzzing."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from life.environments import python
from proof.claims import CannotRun, claim
from proof.servers import ROOT, environment, migrate, server, url

if TYPE_CHECKING:
    from collections.abc import Callable

    from proof.claims import Run

ATHERIS = ("atheris==3.0.0",)
CORPUS = ROOT / ".life" / "corpus"
MINUTES = 10


def _fuzzed(name: str) -> Callable[[Run], None]:
    def fuzz(run: Run) -> None:
        with server() as started:
            migrate(url(started))
            _fuzz(run, name, url(started))

    fuzz.__name__ = name
    return fuzz


def _fuzz(run: Run, name: str, address: str) -> None:
    try:
        interpreter = python(ROOT / ".life", "fuzz", ATHERIS)
    except RuntimeError as error:
        raise CannotRun(f"atheris cannot be installed: {error}") from None
    packages = sysconfig.get_path("purelib")
    seconds = run.times(MINUTES * 60, short=20)
    corpus = CORPUS / name
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as found:
        ended = subprocess.run(
            [interpreter, "-m", "proof.hostile.fuzzing", name, str(seconds), corpus, found],
            cwd=ROOT,
            env=environment(address, PYTHONPATH=os.pathsep.join([str(ROOT), packages])),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if ended.returncode:
            run.violations.append(ended.stdout[-3000:])
            run.violations += [f"input: {path.read_bytes()!r}" for path in Path(found).iterdir()]
    runs = [line.split()[1] for line in ended.stdout.splitlines() if line.startswith("Done ")]
    run.figures["inputs"] = int(runs[0]) if runs else 0


for _name, _sentence in {
    "conditions": "A condition selects the rows that Django's filter selects, or both refuse it",
    "uris": "A text is the URI of a trigger, or raises ValueError or LookupError",
    "exercises": "An answer to an exercise is read without executing it, or refused with a reason",
    "contexts": "Metadata are stored as they were given, or refused",
    "open_contexts": "Metadata that are accepted reach the database",
    "site": "No request to a page of the site or the admin is an error of the server",
}.items():
    claim(_sentence, area="hostile input")(_fuzzed(_name))
