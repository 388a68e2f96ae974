"""The results as ``results.json`` and as the page ``docs/proof.md``."""

from __future__ import annotations

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from proof.claims import Claim, Run

HOLDS, BROKEN, SKIPPED = "holds", "does not hold", "skipped"
RESULTS = Path(__file__).with_name("results.json")
PAGE = Path(__file__).parent.parent / "docs" / "proof.md"

HEAD = """\
# Proof

What the README claims, and the run that shows it. `make proof` repeats the runs and writes this
page. `python -m proof NAME` repeats one of them, and `python -m proof --list` shows their names.
"""


def figures(run: Run) -> str:
    """Return the figures of a run as one line."""
    return ", ".join(f"{name} {value}" for name, value in run.figures.items())


def keep(claim: Claim, run: Run, result: str, command: str) -> None:
    """Write the result of a run in the place of an earlier one."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept[claim.name] = {
        "claim": claim.sentence,
        "area": claim.area,
        "result": result,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "command": command,
        "figures": run.figures,
        **surroundings(),
    }
    RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    PAGE.write_text(rendered(kept))


def surroundings() -> dict[str, Any]:
    """Return the versions, the number of cores and the memory that a figure depends on."""
    from project.database import binaries

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "versions": f"PostgreSQL {binaries.major_version()}, Python {platform.python_version()},"
        f" Django {version('Django')}, psycopg {version('psycopg')}",
        "cores": os.cpu_count(),
        "memory": f"{memory / 2**30:.0f} GiB",
    }


def rendered(kept: dict[str, dict[str, Any]]) -> str:
    """Return the page: a section for each area, with one entry for each claim."""
    parts = [HEAD]
    for area in dict.fromkeys(entry["area"] for entry in kept.values()):
        parts.append(f"## {area.capitalize()}\n")
        parts += [_entry(entry) for entry in kept.values() if entry["area"] == area]
    return "\n".join(parts)


def _entry(entry: dict[str, Any]) -> str:
    lines = "\n".join(f"| {name} | {value} |" for name, value in entry["figures"].items())
    return f"""\
**{entry["claim"]}**: {entry["result"]}.
{entry["date"]}, {entry["versions"]}, {entry["cores"]} cores, {entry["memory"]};
`{entry["command"]}`.

| figure | |
|---|---|
{lines}
"""
