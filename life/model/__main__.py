"""``python -m life.model``: random writes of all kinds, compared with a model in plain Python.

Tables, events and contexts are compared after each step: ORM, bulk operations, upserts, SQL, COPY
and MERGE, in transactions, savepoints, contexts and ignore(), with refusals and failures.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
LENGTH = 60

EPILOG = """\
example:
  python -m life.model --steps 20000 --seed 7

Each 60 steps begin with empty tables. The same seed gives the same writes.
exit code: 0 if there was no mismatch, else 1.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m life.model",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=2000, help="steps at each level (2000)")
    parser.add_argument("--seed", type=int, help="by default a random one, which is printed")
    parser.add_argument("--level", choices=["row", "statement", "both"], default="both")
    parser.add_argument("--format", choices=["text", "json"], default="text")
    parser.add_argument(
        "--without", metavar="TRIGGER", help="disable a trigger of the items, which must be noticed"
    )
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a mismatch")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    levels = ["row", "statement"] if options.level == "both" else [options.level]
    server, name = _prepare()
    try:
        results = [_run(level, seed, options) for level in levels]
    finally:
        from django.db import connections

        connections.close_all()
        server.drop(name)
    if options.format == "json":
        print(json.dumps(results, indent=2))
    else:
        for each in results:
            print(
                "{level}: {steps} steps, {refused} refused writes, {mismatches} mismatches, "
                "seed {seed}, {seconds} s".format(**each)
            )
    return 1 if any(each["mismatches"] for each in results) else 0


def _prepare() -> tuple[Any, str]:
    """Create a database, configure Django, and create the tables."""
    import django
    from django.conf import settings

    from life.databases import Server

    server, name = Server(ROOT), f"life_model_{os.getpid()}"
    server.create(name)
    fast = {"options": "-c synchronous_commit=off -c client_min_messages=error"}
    settings.configure(
        SECRET_KEY="random writes",
        USE_TZ=True,
        DATABASES={"default": json.loads(server.settings(name)) | {"OPTIONS": fast}},
        INSTALLED_APPS=["pgtrigger", "pghistory", "life.model.apps.ModelConfig"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", run_syncdb=True, verbosity=0, skip_checks=True)
    return server, name


def _run(level: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    from life.model.models import TABLES
    from life.model.running import Episode, check_connection

    if options.without:
        import pgtrigger

        pgtrigger.disable(f"{TABLES[level].item._meta.label}:{options.without}")
    began, steps, mismatches, number = time.monotonic(), 0, 0, 0
    refused: Counter[str] = Counter()
    while steps < options.steps:
        length = min(LENGTH, options.steps - steps)
        episode = Episode(TABLES[level], random.Random(f"{seed} {number}"))
        try:
            episode.run(length)
        except Exception as error:
            mismatches += 1
            check_connection()
            lines = [f"{level}, seed {seed}, episode {number}: {type(error).__name__}: {error}"]
            lines += [f"    {step}" for step in episode.steps]
            print(*lines, f"    caused by {error.__cause__!r}", sep="\n", file=sys.stderr)
            if not options.keep_going:
                break
        steps, number = steps + length, number + 1
        refused += episode.refused
        if number % 20 == 0:
            print(f"{level}: {steps} steps, {refused.total()} refused", file=sys.stderr, flush=True)
    return {
        "level": level,
        "steps": steps,
        "refused": refused.total(),
        "refused_by": dict(refused.most_common()),
        "mismatches": mismatches,
        "seed": seed,
        "seconds": round(time.monotonic() - began),
    }


if __name__ == "__main__":
    sys.exit(main())
