"""``python -m life.evolution``: a generated project lives through random changes."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from life.databases import Server, throwaway_server

ROOT = Path(__file__).parent.parent.parent

EPILOG = """\
A seed stands for ten projects, which begin empty and change up to 60 times. The same seed gives the
same changes with the same release of Hypothesis. Exit code: 0 if nothing differs, else 1.
"""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m life.evolution",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=2000, help="how many changes (2000)")
    parser.add_argument("--length", type=int, default=60, help="changes of one project (60)")
    parser.add_argument("--seed", type=int, help="the first seed; a random one by default")
    parser.add_argument("--keep-going", action="store_true", help="do not stop at a difference")
    parser.add_argument("--verbosity", type=int, default=1, help="2 prints every step")
    parser.add_argument("--folder", help="write the generated project there and leave it")
    parser.add_argument("--record", type=Path, help="append the result to this file")
    options = parser.parse_args()
    seed = random.randrange(10**6) if options.seed is None else options.seed
    # What was found until then is recorded.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with throwaway_server() as server:
        databases = _databases(server)
        from django.db import connections

        from life.evolution.project import Project

        Project.server = server
        try:
            return _run(options, seed, server.version())
        finally:
            connections.close_all()
            for name in (*databases, *Project.templates.values()):
                server.drop(name)


def _databases(server: Server) -> list[str]:
    """Create the two databases and configure Django."""
    import django
    from django.conf import settings

    names = {
        "default": f"life_evolution_{os.getpid()}",
        "plain": f"life_evolution_{os.getpid()}_plain",
    }
    for name in names.values():
        server.create(name)
    fast = {"options": "-c synchronous_commit=off -c client_min_messages=error"}
    settings.configure(
        SECRET_KEY="a generated project",
        USE_TZ=True,
        DATABASES={
            alias: json.loads(server.settings(name)) | {"OPTIONS": fast}
            for alias, name in names.items()
        },
        INSTALLED_APPS=["pgtrigger", "pghistory"],
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    return list(names.values())


def _run(options: argparse.Namespace, seed: int, postgres: str) -> int:
    from hypothesis import HealthCheck, Phase, Verbosity, settings
    from hypothesis import seed as with_seed
    from hypothesis.stateful import run_state_machine_as_test

    from life.evolution.machine import Evolution
    from life.evolution.steps import Difference, Steps

    began = time.monotonic()
    differences = []
    profile = settings(
        max_examples=10,
        stateful_step_count=options.length,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
        print_blob=False,
        report_multiple_bugs=False,
    )
    seeds: list[int] = []
    with _folder(options.folder) as folder:
        sys.path.insert(0, folder)
        Steps.folder = Path(folder)
        while Steps.steps < options.steps:
            steps: list[str] = []

            def say(text: str, steps: list[str] = steps) -> None:
                steps.append(text)
                if options.verbosity > 1:
                    print(f"    {text}", flush=True)

            Steps.say = staticmethod(say)
            seeds.append(seed)
            try:
                run_state_machine_as_test(with_seed(seed)(Evolution), settings=profile)
            except KeyboardInterrupt:
                print("interrupted")
                break
            except Difference as error:
                differences.append(seed)
                print(
                    f"seed {seed}: {error}",
                    *(f"    {step}" for step in steps),
                    sep="\n",
                    flush=True,
                )
                if options.verbosity > 1:
                    traceback.print_exception(error)
                if not options.keep_going:
                    break
            _report(Steps.steps, Steps.refused, differences, seed, began)
            seed += 1
    found = f"{len(differences)} differences"
    if differences:
        found += f" (seeds {', '.join(map(str, differences))})"
    result = (
        f"{Steps.steps} steps, seeds {seeds[0]} to {seeds[-1]},"
        f" {Steps.refused} changes that Django cannot make, {found},"
        f" {time.monotonic() - began:.0f} s"
    )
    print(result)
    if options.record:
        with options.record.open("a") as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%d} {_versions(postgres)}: {result}\n")
    return 1 if differences else 0


def _versions(postgres: str) -> str:
    import django

    python = platform.python_version()
    return f"Django {django.__version__}, Python {python}, PostgreSQL {postgres}"


def _folder(name: str | None) -> contextlib.AbstractContextManager[str]:
    if name is None:
        return tempfile.TemporaryDirectory()
    Path(name).mkdir(parents=True, exist_ok=True)
    return contextlib.nullcontext(name)


def _report(steps: int, refused: int, differences: list[int], seed: int, began: float) -> None:
    pace = (time.monotonic() - began) / max(steps, 1)
    print(
        f"{datetime.now(UTC):%H:%M:%S} seed {seed}: {steps} steps,"
        f" {refused} that Django cannot make, {len(differences)} differences, {pace:.2f} s a step",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
