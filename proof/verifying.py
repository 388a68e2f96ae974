"""Compare the ledger's tables with each other and with what was confirmed to the writers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from proof.claims import Run
    from proof.writers import Journal

INVARIANTS = Path(__file__).parent / "ledger" / "invariants.sql"
SHOWN = 10  # violations of each kind


def invariants() -> list[str]:
    """Return the statements of ``invariants.sql``."""
    return [text for text in INVARIANTS.read_text().split(";\n") if text.strip()]


def verify(run: Run, address: str, journal: Journal) -> None:
    """Add what is lost, duplicated, invented or against a rule to the run's violations."""
    with psycopg.connect(address) as connection:
        for statement in invariants():
            rows = connection.execute(statement).fetchmany(SHOWN)
            run.violations += [row[0] for row in rows]
        written = connection.execute("SELECT writer, step FROM ledger_order").fetchall()
        events = connection.execute(
            "SELECT (SELECT count(*) FROM ledger_orderevent)"
            " + (SELECT count(*) FROM ledger_lineevent)"
        ).fetchone()
    compare(run, written, journal)
    run.figures |= {"transactions": len(written), "events": events[0] if events else 0}


def compare(run: Run, written: list[tuple[int, int]], journal: Journal) -> None:
    """Compare the committed steps with the steps that were begun and confirmed."""
    found, confirmed, begun = set(written), journal.confirmed(), journal.begun()
    run.violations += [f"lost: step {step}" for step in sorted(confirmed - found)[:SHOWN]]
    run.violations += [f"invented: step {step}" for step in sorted(found - begun)[:SHOWN]]
    if len(found) != len(written):
        run.violations.append(f"duplicated: {len(written) - len(found)} steps")
