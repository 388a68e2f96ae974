"""``python -m bench``: measures the engines, prints a table of ratios, and keeps it as JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench.levels import write_levels
from bench.plotting import plot
from bench.rounds import Result, table

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).with_name("results.json")
NOT_BENCHMARKS = (
    "__main__",
    "drawing",
    "levels",
    "peers",
    "plotting",
    "scale",
    "settings",
    "rounds",
    "screenshots",
    "urls",
)
PAGE = Path(__file__).parent.parent / "docs" / "performance" / "overhead.md"

DESCRIPTION = """\
Measures what the engines cost, each against the same work without them or written by hand.

Variants take turns in interleaved rounds; a ratio is the median of the rounds' ratios. It makes a
separate database beside the one of DATABASE_URL (or on the embedded server), and drops it.
"""

EPILOG = """\
  python -m bench                     everything, some minutes
  python -m bench --quick             a tenth of the rows and three rounds, to see that it runs
  python -m bench --only fsm ignore   the benchmarks whose names contain one of these
  python -m bench --only fsm --json bench/results.json    measures these again, the others stay
  python -m bench --only history_sizes --events 10000000   event tables of ten million events
  python -m bench --list              their names

what       the work, and against what it is measured
found      a ratio of times (1.05: 5 % slower), or a count
quartiles  half of the rounds gave a ratio between these: far apart on a busy machine
fastest    the ratio of the shortest times, which other work on the machine disturbs least
seconds    the medians of both times

Exit code: 0 if every target is held; 1 if one is missed, which is named: the lower quartile of its
ratio, or its count, is above the bound; 2 for a wrong option.
"""


def main() -> int:
    options = _options()
    os.environ["DJANGO_SETTINGS_MODULE"] = "bench.settings"
    django.setup()
    from bench import rounds

    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name not in NOT_BENCHMARKS:
            importlib.import_module(f"bench.{module.name}")
    chosen = {
        name: function
        for name, function in rounds.registered.items()
        if not options.only or any(text in name for text in options.only)
    }
    if options.list:
        print("\n".join(chosen))
        return 0
    if not chosen:
        known = "\n  ".join(rounds.registered)
        print(f"No benchmark's name contains {options.only}. There are:\n  {known}")
        return 2
    report = rounds.Report(quick=options.quick, events=options.events)
    with _database():
        for name, function in chosen.items():
            report.area = name.partition(".")[0].replace("_", " ")
            function(report)
        versions = rounds.versions()
    print(rounds.table(report.results))
    if options.json:
        results = report.results
        if options.only and options.json.exists():
            kept = rounds.from_json(json.loads(options.json.read_text()))
            results = rounds.replaced(kept, by=results)
        options.json.write_text(json.dumps(rounds.as_json(results, versions), indent=2) + "\n")
        options.json.with_suffix(".md").write_text(_titled(versions, rounds.table(results)))
        if options.json == RESULTS:
            _write_page(results, versions)
    missed = [rounds.complaint(result) for result in report.results if not result.held]
    print("\n".join(missed), file=sys.stderr)
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="the benchmarks so named")
    parser.add_argument("--quick", action="store_true", help="fewer rows and rounds")
    parser.add_argument(
        "--events",
        type=int,
        metavar="N",
        help="events of the large tables of history_sizes (default: 200000)",
    )
    parser.add_argument("--list", action="store_true", help="list the benchmarks, and run none")
    parser.add_argument(
        "--json",
        type=Path,
        metavar="FILE",
        help="where to keep the results; with --only, the others there stay",
    )
    options = parser.parse_args()
    if options.json is None and not (options.only or options.quick):
        options.json = RESULTS
    return options


def _write_page(results: list[Result], versions: dict[str, str]) -> None:
    """Write the pages in ``docs/performance/``, with their plots."""
    areas: dict[str, list[Result]] = {}
    for result in results:
        if result.seconds:
            areas.setdefault(result.area or "all", []).append(result)
    plots = plot(areas, PAGE.parent, "overhead")
    parts = [INTRODUCTION.format(", ".join(f"{name} {text}" for name, text in versions.items()))]
    for area, found in areas.items():
        picture = f"![Ratios of {area}]({plots[area].name})"
        parts.append(f"## {area.capitalize()}\n\n{picture}\n\n{table(found)}\n")
    PAGE.write_text("\n".join(parts))
    write_levels(results)


INTRODUCTION = """\
# Against no trigger and triggers by hand

`make bench` writes this page. What is compared takes turns in one run. A ratio is the time of the
first divided by the time of the second in the same round; the table has the median of the rounds,
and half of them lie between the quartiles. A ratio is missed if its lower quartile is above the
bound.

With {}.
"""


def _titled(versions: dict[str, str], table: str) -> str:
    software = ", ".join(f"{name} {version}" for name, version in versions.items())
    return f"# What the benchmarks printed\n\nWith {software}.\n\n{table}\n"


@contextmanager
def _database() -> Iterator[None]:
    """https://docs.djangoproject.com/en/stable/topics/testing/advanced/#django.db.connection.creation"""
    from django.db import connection

    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    sys.exit(main())
