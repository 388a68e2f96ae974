"""A claim of the README, and the run that shows it.

    @claim("PostgreSQL is killed with -9 under 8 writers", area="faults")
    def server_killed(run: Run) -> None:
        run.figures["kills"] = 3
        run.violations += [...]   # what must not be: empty if the claim holds

A run is short (for ``make full``) or not (for ``make proof``).
"""

from __future__ import annotations

import importlib
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class CannotRun(Exception):
    """The claim cannot be shown here. The message says what is missing."""


@dataclass
class Run:
    """One run of a claim, and what it found."""

    short: bool = False
    seed: int = 0
    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def times(self, number: int, short: int) -> int:
        """Return how often to do something in this run."""
        return short if self.short else number

    def say(self, text: str) -> None:
        """Print a line of progress on stderr."""
        print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Claim:
    """A sentence that is true or not, and the function that finds out."""

    name: str
    sentence: str
    area: str
    function: Callable[[Run], None]


registered: dict[str, Claim] = {}
# The modules with claims.
MODULES = (
    "proof.model",
    "proof.faults.server",
    "proof.faults.network",
    "proof.faults.deployments",
    "proof.faults.gunicorn",
    "proof.hostile.input",
    "proof.adversary",
    "proof.newcomer",
)


def load() -> dict[str, Claim]:
    """Return all claims by name."""
    for module in MODULES:
        importlib.import_module(module)
    return registered


def claim(sentence: str, area: str) -> Callable[[Callable[[Run], None]], Callable[[Run], None]]:
    """Register a function as the run of a claim; its name is the claim's."""

    def register(function: Callable[[Run], None]) -> Callable[[Run], None]:
        registered[function.__name__] = Claim(function.__name__, sentence, area, function)
        return function

    return register
