"""``python -m bench.peers``: the same project with these libraries and with the PyPI packages."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from bench import rounds
from bench.peers.sides import PACKAGES, ROOT, Failed, Side, peers_python
from bench.plotting import plot
from life.databases import Server

RESULTS = Path(__file__).with_name("results.json")
PAGE = ROOT / "docs" / "performance" / "peers.md"
OURS, PEERS = "these libraries", "PyPI"
BOUND = 1.1

DESCRIPTION = """\
Runs one project with these libraries and with django-pgtrigger and django-pghistory from PyPI,
which are installed in a separate environment. Both work on databases of one server and take
turns, so that a busy machine disturbs both. A ratio below 1 means that these libraries are faster.
"""

EPILOG = f"""\
  python -m bench.peers                    everything; writes the results, the page and the plots
  python -m bench.peers --rounds 3         fewer rounds: does it run? Writes nothing
  python -m bench.peers --only migrate ls  what contains one of these

Exit code: 0 if every ratio is at most {BOUND:g}; 1 if a ratio's lower quartile is above, or a side
cannot do something; 2 for a wrong option.
"""


class Turn:
    """A piece of work on one side, which measures itself."""

    def __init__(self, side: Side, title: str):
        self.side, self.title = side, title

    def seconds(self) -> float:
        """Carry it out, and return how long it took."""
        return self.side.seconds(self.title)


def main() -> int:
    options = _options()
    cache = ROOT / ".life"
    cache.mkdir(exist_ok=True)
    server = Server(ROOT)
    report = rounds.Report()
    areas: dict[str, list[rounds.Result]] = {}
    failures = []
    with tempfile.TemporaryDirectory(prefix="peers-") as name:
        sides = [
            Side("ours", Path(sys.executable), str(ROOT), server, Path(name)),
            Side("pypi", peers_python(cache), "", server, Path(name)),
        ]
        try:
            for area, titles in sides[0].areas.items():
                for title in titles:
                    if options.only and not any(text in title for text in options.only):
                        continue
                    before = len(report.results)
                    try:
                        _compare(report, title, sides, options.rounds)
                    except Failed as failure:
                        failures.append(str(failure))
                        continue
                    areas.setdefault(area, []).extend(report.results[before:])
        finally:
            for side in sides:
                side.close(server)
        server_version = server.version()
    print(rounds.table(report.results))
    if options.rounds == rounds.ROUNDS and not options.only:
        _write(areas, server_version)
    missed = [rounds.complaint(result) for result in report.results if not result.held]
    print("\n".join([*failures, *missed]), file=sys.stderr)
    return 1 if failures or missed else 0


def _compare(report: rounds.Report, title: str, sides: list[Side], number: int) -> None:
    turns = {name: Turn(side, title) for name, side in zip((OURS, PEERS), sides, strict=True)}
    report.compare(title, turns, [rounds.Target(OURS, PEERS, BOUND)], rounds=number)


def _write(areas: dict[str, list[rounds.Result]], server_version: str) -> None:
    software = {
        "PostgreSQL": server_version,
        **rounds.client_versions(),
        **dict(package.split("==") for package in PACKAGES),
    }
    document = {
        "versions": software,
        "areas": {
            area: rounds.as_json(found, software)["results"] for area, found in areas.items()
        },
    }
    RESULTS.write_text(json.dumps(document, indent=1) + "\n")
    plots = plot(areas, PAGE.parent, "peers")
    listed = ", ".join(f"{name} {version}" for name, version in software.items())
    parts = [f"# Against the packages from PyPI\n\n{INTRODUCTION}\nWith {listed}.\n"]
    for area, found in areas.items():
        parts.append(
            f"## {area.capitalize()}\n\n![Ratios of {area}]({plots[area].name})\n\n"
            f"{rounds.table(found)}\n"
        )
    PAGE.write_text("\n".join(parts))


INTRODUCTION = f"""\
`make bench-peers` writes this page. One project runs with these libraries and with django-pgtrigger
and django-pghistory, on one server, in turns. A ratio is these libraries' time divided by the
packages' time in the same round; the table has the median of the rounds, and half of them lie
between the quartiles. Below 1, these libraries are faster. A ratio whose lower quartile is above
{BOUND:g} is reported as missed.
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", nargs="+", metavar="TEXT", help="only titles with such a text")
    parser.add_argument("--rounds", type=int, default=rounds.ROUNDS, help="default: %(default)s")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
