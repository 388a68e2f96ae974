"""Interleaved rounds: what is compared takes turns in one run, and a ratio is taken per round.

Note [Rounds]. A machine that is busy with other things is slower for a while, so two timings are
only ever compared when they were taken one after the other. Each round runs every variant once,
in an order that rotates from round to round, and gives one ratio for each target; what is reported
is the median of these ratios, and the quartiles beside it say how far to trust it.

A benchmark is a function that takes a Report and is marked with ``@benchmark``:

    @benchmark
    def saves_with_history(report: Report) -> None:
        report.compare(
            "1,000 saves",
            {"untracked": Turn(save_untracked), "tracked": Turn(save_tracked, before=truncate)},
            [Target("tracked", against="untracked", at_most=2.0)],
        )
        report.count("queries of a save", found=len(queries), at_most=2)
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

import django
import psycopg
from django.db import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ROUNDS = 21
QUICK_ROUNDS = 3


def nothing() -> None:
    pass


@dataclass(frozen=True)
class Turn:
    """One run of a variant. Only ``run`` is timed, not what comes before and after it."""

    run: Callable[[], object]
    before: Callable[[], object] = nothing
    after: Callable[[], object] = nothing

    def seconds(self) -> float:
        self.before()
        gc.collect()
        gc.disable()
        try:
            start = time.perf_counter()
            self.run()
            return time.perf_counter() - start
        finally:
            gc.enable()
            self.after()


@dataclass(frozen=True)
class Target:
    """A ratio of two variants' times, and what it may be; ``at_most=None``: only reported."""

    variant: str
    against: str
    at_most: float | None = None


@dataclass(frozen=True)
class Result:
    """A line of the report: a ratio of times, or a count."""

    title: str
    variant: str
    against: str
    found: float
    at_most: float | None
    quartiles: tuple[float, float] | None = None
    fastest: float | None = None
    seconds: tuple[float, float] | None = None
    rounds: int = 1
    area: str = ""

    @property
    def held(self) -> bool:
        """True if the ratio's lower quartile, or the count, is at most the bound."""
        surely = self.quartiles[0] if self.quartiles else self.found
        return self.at_most is None or surely <= self.at_most


@dataclass
class Report:
    """Collects results, and says on stderr what is being measured."""

    quick: bool = False
    events: int | None = None
    area: str = ""
    results: list[Result] = field(default_factory=list)

    def size(self, rows: int) -> int:
        """So many rows, or a tenth of them where it is to be quick."""
        return rows // 10 if self.quick else rows

    def compare(
        self,
        title: str,
        turns: Mapping[str, Turn],
        targets: Iterable[Target],
        rounds: int = ROUNDS,
        warm_up: bool = True,
    ) -> None:
        """Run the turns in interleaved rounds, with ``warm_up`` after one that does not count."""
        rounds = min(rounds, QUICK_ROUNDS) if self.quick else rounds
        names = list(turns)
        seconds: dict[str, list[float]] = {name: [] for name in names}
        for number in range(0 if warm_up else 1, rounds + 1):
            self._progress(f"{title}: round {number} of {rounds}")
            shift = number % len(names)
            for name in names[shift:] + names[:shift]:
                taken = turns[name].seconds()
                if number:
                    seconds[name].append(taken)
        self._progress("")
        for target in targets:
            self._add(_ratio(title, target, seconds, self.area))

    def count(self, title: str, found: float, at_most: float | None, variant: str = "") -> None:
        """What is counted, not timed, such as queries."""
        self._add(Result(title, variant, "", found, at_most, area=self.area))

    def _add(self, result: Result) -> None:
        self.results.append(result)
        print("  ".join(cells(result)), file=sys.stderr)

    def _progress(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _ratio(
    title: str, target: Target, seconds: Mapping[str, list[float]], area: str = ""
) -> Result:
    own, others = seconds[target.variant], seconds[target.against]
    ratios = [mine / its for mine, its in zip(own, others, strict=True)]
    first, median, third = statistics.quantiles(ratios, n=4, method="inclusive")
    return Result(
        title=title,
        variant=target.variant,
        against=target.against,
        found=median,
        at_most=target.at_most,
        quartiles=(first, third),
        fastest=min(own) / min(others),
        seconds=(statistics.median(own), statistics.median(others)),
        rounds=len(ratios),
        area=area,
    )


registered: dict[str, Callable[[Report], None]] = {}


def benchmark(function: Callable[[Report], None]) -> Callable[[Report], None]:
    """Registers a benchmark as ``module.function``, by which ``--only`` finds it."""
    module = function.__module__.rpartition(".")[2]
    registered[f"{module}.{function.__name__}"] = function
    return function


HEADINGS = ("what", "of", "against", "found", "at most", "quartiles", "fastest", "seconds", "")


def cells(result: Result) -> tuple[str, ...]:
    """The texts of a table's row."""
    quartiles = "-".join(f"{ratio:.2f}" for ratio in result.quartiles or ())
    seconds = " / ".join(f"{taken:.4f}" for taken in result.seconds or ())
    return (
        result.title,
        result.variant,
        result.against,
        f"{result.found:.2f}" if result.seconds else f"{result.found:g}",
        "" if result.at_most is None else f"{result.at_most:g}",
        quartiles,
        "" if result.fastest is None else f"{result.fastest:.2f}",
        seconds,
        "" if result.held else "MISSED",
    )


def table(results: Iterable[Result]) -> str:
    """The results as a Markdown table, its columns aligned."""
    rows = [HEADINGS, *(cells(result) for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def complaint(result: Result) -> str:
    """Return the sentence that names a ratio or count above its bound."""
    against = f" / {result.against}" if result.against else ""
    found = f"{result.found:.2f}"
    if result.quartiles:
        found += f" (quartiles {result.quartiles[0]:.2f} to {result.quartiles[1]:.2f})"
    what = f"{result.variant}{against}" or "count"
    return f"MISSED {result.title}: {what} is {found}, at most {result.at_most:g} is allowed"


def versions() -> dict[str, str]:
    """The server and versions of a measurement."""
    return {"postgresql": server_version(), **client_versions()}


def client_versions() -> dict[str, str]:
    """The versions of a measurement, without the server."""
    return {
        "python": platform.python_version(),
        "django": django.get_version(),
        "psycopg": psycopg.__version__,
    }


def as_json(results: Iterable[Result], versions: Mapping[str, str]) -> dict[str, Any]:
    """The results, and the versions that they are of."""
    return {
        "versions": dict(versions),
        "results": [{**asdict(result), "held": result.held} for result in results],
    }


def from_json(document: Mapping[str, Any]) -> list[Result]:
    """The results that ``as_json`` gave."""
    names = {each.name for each in fields(Result)}
    return [
        Result(**{name: value for name, value in each.items() if name in names})
        for each in document["results"]
    ]


def replaced(results: Iterable[Result], by: Iterable[Result]) -> list[Result]:
    """The results, each in its place, with newer ones for the same things."""
    every = {(each.title, each.variant, each.against): each for each in (*results, *by)}
    return list(every.values())


def server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])
