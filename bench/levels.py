"""The figures of both levels side by side, for the page on what to choose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.plotting import draw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.rounds import Result

PAGE = Path(__file__).parent.parent / "docs/performance/choosing.md"
_LEVELS = (", row level", ", statement level")
_BLOCK = re.compile(r"(<!-- generated: levels -->\n).*?(<!-- end -->)", re.DOTALL)


def write_levels(results: Iterable[Result]) -> None:
    """Write the table and the plot of the page, from results at both levels."""
    rows = _at_both_levels(results)
    picture = PAGE.with_name("levels.svg")
    draw({"levels": [{"file": str(picture), "title": "Seconds at each level", "works": rows}]})
    header = "| work | without a trigger | row level | statement level |\n|---|---|---|---|\n"
    lines = [
        f"| {work} | {_seconds(without)} | {_seconds(row)} | {_seconds(statement)} |"
        for work, without, row, statement in rows
    ]
    text = f"\n![Seconds at each level]({picture.name})\n\n{header}{chr(10).join(lines)}\n"
    PAGE.write_text(_BLOCK.sub(lambda block: f"{block[1]}{text}{block[2]}", PAGE.read_text()))


def _at_both_levels(
    results: Iterable[Result],
) -> list[tuple[str, float | None, float, float]]:
    """Return each work with its seconds: without a trigger if known, by row, by statement."""
    measured: dict[str, dict[str, float]] = {}
    for result in results:
        work, comma, level = result.title.rpartition(", ")
        if f"{comma}{level}" not in _LEVELS or not result.seconds:
            continue
        seconds = measured.setdefault(work, {})
        if result.variant in ("tracked", "pgtrigger"):
            seconds[level] = result.seconds[0]
        if result.against == "no trigger":
            seconds.setdefault(result.against, result.seconds[1])
    return [
        (work, seconds.get("no trigger"), seconds["row level"], seconds["statement level"])
        for work, seconds in measured.items()
        if {"row level", "statement level"} <= seconds.keys()
    ]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
