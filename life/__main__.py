"""``python -m life``: what a project lives through, with the engines and without."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from life import databases, taking_over, third_party

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("results.json")
EVOLUTION = Path(__file__).with_name("evolution.txt")
TRANSCRIPT = Path(__file__).with_name("takeover.txt")

DESCRIPTION = """\
Installs large apps from PyPI in separate environments and migrates each from an empty database,
with pgtrigger, pghistory and integrity and without. The schemas, as pg_dump prints them, must be
the same; rules must refuse, history must be written, and migrations must go back as far.

"evolution" is a generated project that changes at random, with rules and history and without.

"takeover" is a project made with django-pgtrigger and django-pghistory from PyPI: these libraries
take over its code and its database, and it goes back.
"""

EPILOG = """\
  python -m life                   everything, about half an hour and 2 GB of downloads
  python -m life wagtail oscar     these products
  python -m life evolution         2,000 random changes; adds a line to life/evolution.txt
  python -m life takeover          the project that is taken over; writes life/takeover.txt
  python -m life --list            their names
  python -m life wiki --keep       leave the databases life_wiki_... for a look

Exit code: 0 if nothing differs, 1 if something does, 2 for a wrong option.
"""


def main() -> int:
    options = _options()
    products = {product.name: product for product in third_party.PRODUCTS}
    known = {
        "evolution": "a generated project that changes 2,000 times",
        "takeover": "a project made with the PyPI packages",
    } | {name: product.requirements[0] for name, product in products.items()}
    if options.list:
        print("\n".join(f"{name:10} {known[name]}" for name in known))
        return 0
    unknown = sorted(set(options.names) - set(known))
    if unknown:
        print(f"There is nothing called {unknown[0]!r}. There are: {', '.join(known)}")
        return 2
    options.cache.mkdir(parents=True, exist_ok=True)
    server = databases.Server(ROOT)
    names = options.names or list(known)
    outcomes = []
    found: list[str] = []
    for number, name in enumerate(names, 1):

        def say(text: str, place: str = f"[{number}/{len(names)}] {name}") -> None:
            print(f"{datetime.now(UTC):%H:%M:%S} {place}: {text}", flush=True)

        if name == "evolution":
            differences = _evolve(say)
        elif name == "takeover":
            differences, transcript = taking_over.check(options.cache, server, say, options.keep)
            TRANSCRIPT.write_text(f"{transcript}\n")
        else:
            outcome = third_party.check(products[name], options.cache, server, say, options.keep)
            outcomes.append(outcome)
            _keep(outcome, server)
            differences = outcome.differences
        say(f"{len(differences)} differences")
        print("\n".join(differences), end="\n" if differences else "", flush=True)
        found += differences
    if outcomes:
        print(f"\n{_table([third_party.HEADINGS, *(outcome.row for outcome in outcomes)])}")
    return 1 if found else 0


def _evolve(say: Any) -> list[str]:
    """Let a generated project change 2,000 times; each run adds a line to ``evolution.txt``."""
    command = [sys.executable, "-m", "life.evolution", "--keep-going", "--record", str(EVOLUTION)]
    printed = []
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout
        for line in started.stdout:
            say(line.rstrip())
            printed.append(line.rstrip())
    found = [line for line in printed if line.startswith("seed ")]
    return found or (
        [f"life.evolution: exit code {started.returncode}"] if started.returncode else []
    )


def _keep(outcome: third_party.Outcome, server: databases.Server) -> None:
    """Write the product's row; those of other products stay."""
    rows = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found = [*outcome.row, server.version(), datetime.now(UTC).strftime("%Y-%m-%d")]
    rows[outcome.product.name] = found
    names = [product.name for product in third_party.PRODUCTS if product.name in rows]
    RESULTS.write_text(json.dumps({name: rows[name] for name in names}, indent=1) + "\n")
    headings = [*third_party.HEADINGS, "PostgreSQL", "run"]
    table = _table([headings, *(rows[name] for name in names)])
    RESULTS.with_suffix(".md").write_text(f"# Other people's migrations\n\n{table}\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m life",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="all by default")
    parser.add_argument("--list", action="store_true", help="list the products, and run nothing")
    parser.add_argument("--keep", action="store_true", help="leave the databases")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".life", metavar="FOLDER", help="default: .life"
    )
    return parser.parse_args()


def _table(rows: list[list[str]]) -> str:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([head, f"|{'---|' * len(rows[0])}", *body])


if __name__ == "__main__":
    sys.exit(main())
