"""The short version of each fault: what must not happen does not, and would be found if it did."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from proof import page
from proof.claims import CannotRun, Run, load
from proof.servers import ask, migrate, server, url
from proof.verifying import verify
from proof.writers import Journal, writing
from tests.project.conftest import needs_the_wheel

CLAIMS = load()
pytestmark = [needs_the_wheel, pytest.mark.long]


@pytest.mark.parametrize("name", [c.name for c in CLAIMS.values() if c.area == "faults"])
def test_nothing_is_lost_duplicated_or_invented_and_all_write_again(name: str) -> None:
    run = Run(short=True)
    try:
        CLAIMS[name].function(run)
    except CannotRun as error:
        pytest.skip(str(error))
    assert run.violations == []
    assert run.figures["transactions"] > 0
    assert run.figures["events"] == 9 * run.figures["transactions"]


@pytest.fixture(scope="module")
def written() -> Iterator[tuple[str, Journal]]:
    """The address of a database with some steps of eight writers, and their journal."""
    with server() as started:
        migrate(url(started))
        with writing(Run(), url(started)) as writers:
            pass
        yield url(started), writers


HARM = {
    "a lost order": "DELETE FROM ledger_order WHERE id = 1",
    "a lost line": "DELETE FROM ledger_line WHERE order_id = 1",
    "a lost event": "DELETE FROM ledger_orderevent WHERE pgh_obj_id = 1",
    "a lost event of a line": "DELETE FROM ledger_lineevent WHERE order_id = 1",
    "an event twice": "INSERT INTO ledger_orderevent SELECT (json_populate_record(e,"
    " json_build_object('pgh_id', 99999))).* FROM ledger_orderevent e WHERE pgh_obj_id = 1 LIMIT 1",
    "an invented order": "INSERT INTO ledger_order (account_id, writer, step, status)"
    " VALUES (1, 99, 99, 'paid')",
    "a changed event": "UPDATE ledger_lineevent SET quantity = 7 WHERE order_id = 1",
    "a wrong context": 'UPDATE pghistory_context SET metadata = \'{"writer": 99, "step": 0}\'',
    "a forbidden state": "UPDATE ledger_order SET status = 'free' WHERE id = 1",
    "a wrong count": "UPDATE ledger_account SET orders_count = orders_count + 1",
    "too many seats": "INSERT INTO ledger_seat (account_id) SELECT 1 FROM generate_series(1, 21)",
}


@pytest.mark.parametrize("harm", HARM.values(), ids=HARM)
def test_harm_that_is_done_past_all_rules_is_found(
    written: tuple[str, Journal], harm: str, tmp_path: Path
) -> None:
    address, journal = written
    ask(address, "DROP DATABASE IF EXISTS harmed WITH (FORCE)")
    ask(address, "CREATE DATABASE harmed TEMPLATE postgres")
    harmed = address.removesuffix("postgres") + "harmed"
    run = Run()
    verify(run, harmed, journal)
    assert run.violations == []
    with psycopg.connect(harmed) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(harm)
    verify(run, harmed, journal)
    assert run.violations != []


def test_a_result_takes_the_place_of_an_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "proof.md")
    claim = CLAIMS["server_killed"]
    for kills in (1, 2):
        page.keep(claim, Run(figures={"kills": kills}), page.HOLDS, "python -m proof")
    written = (tmp_path / "proof.md").read_text()
    assert claim.sentence in written
    assert "| kills | 2 |" in written
    assert "| kills | 1 |" not in written
