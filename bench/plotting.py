"""One plot for each area of results: medians with quartiles, and the bounds.

matplotlib is not a requirement of the project. It is installed in a separate environment from
``plots.txt``, and draws in a separate process (``drawing.py``).
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from life.environments import python

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.rounds import Result

HERE = Path(__file__).parent
CACHE = HERE.parent / ".life"


def plot(areas: Mapping[str, Iterable[Result]], folder: Path, prefix: str) -> dict[str, Path]:
    """Draw each area's ratios into ``folder``, and return the files by area.

    Raises:
        RuntimeError: matplotlib cannot be installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {area: folder / f"{prefix}-{area.replace(' ', '-')}.svg" for area in areas}
    given = [
        {"file": str(files[area]), "title": area, "ratios": [asdict(each) for each in results]}
        for area, results in areas.items()
    ]
    draw({"ratios": given})
    return files


def draw(given: object) -> None:
    """Let ``drawing.py`` draw what it is given as JSON."""
    requirements = tuple((HERE / "plots.txt").read_text().split())
    interpreter = python(CACHE, "plots", requirements)
    ended = subprocess.run(
        [str(interpreter), str(HERE / "drawing.py")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
    )
    if ended.returncode:
        raise RuntimeError(f"bench/drawing.py failed: {ended.stderr.strip()}")
