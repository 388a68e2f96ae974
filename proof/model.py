"""Random writes of all kinds, compared with a model in plain Python: ``life/model``."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from proof.claims import claim
from proof.servers import ROOT, environment, server, url

if TYPE_CHECKING:
    from proof.claims import Run


@claim("Random writes have the result that a model in plain Python has", area="writes")
def random_writes(run: Run) -> None:
    """Compare tables, events and contexts with the model after every step, at both levels."""
    steps = str(run.times(20_000, short=200))
    with server() as started:
        ended = subprocess.run(
            [
                *(sys.executable, "-m", "life.model", "--format", "json"),
                *("--steps", steps, "--seed", str(run.seed)),
            ],
            cwd=ROOT,
            env=environment(url(started)),
            capture_output=True,
            text=True,
        )
    if ended.returncode:
        run.violations.append(ended.stderr)
    for result in json.loads(ended.stdout):
        run.figures[f"steps at {result['level']} level"] = result["steps"]
        run.figures[f"refused writes at {result['level']} level"] = result["refused"]
