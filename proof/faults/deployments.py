"""Deployments at awkward moments: a table is locked, or several deploy at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psycopg

from proof.claims import Run, claim
from proof.servers import ask, finish, manage, migrate, server, url
from proof.verifying import verify
from proof.writers import Writers, recovery, writing

if TYPE_CHECKING:
    from collections.abc import Callable

NEXT = {"LEDGER_RELEASE": "2"}
LOCK_TIMEOUT = "2000"  # milliseconds


@claim("A table is locked while triggers are installed, under 8 writers", area="faults")
def lock_held(run: Run) -> None:
    """Install the next release's rules while a transaction that wrote to the table stays open.

    Once the transaction ends in time, and once it does not: then the installation must fail, and
    leave the earlier rule in force.
    """
    with server() as started:
        address = url(started)
        migrate(address)
        with writing(run, address) as writers:
            for number in range(run.times(10, short=1)):
                run.say(f"round {number + 1}")
                _install_behind_a_lock(run, writers, address, ends=True, **NEXT)
                _install_behind_a_lock(run, writers, address, ends=False)
                with recovery(run, writers):
                    finish(manage(address, "pgtrigger", "install"))
                finish(manage(address, "pgtrigger", "check"))
        verify(run, address, writers)


def _install_behind_a_lock(
    run: Run, writers: Writers, address: str, *, ends: bool, **variables: str
) -> None:
    with psycopg.connect(address) as holding:
        holding.execute("UPDATE ledger_order SET status = status WHERE id = 1")
        install = ("pgtrigger", "install", "--lock-timeout", LOCK_TIMEOUT)
        installing = manage(address, *install, **variables)
        if ends:
            until = time.monotonic() + 5
            _watch(run, writers, lambda: time.monotonic() < until)
            if installing.poll() is not None:
                run.violations.append("the installation did not wait for the lock")
            holding.rollback()
            finish(installing)
            finish(manage(address, "pgtrigger", "check", **variables))
            return
        _watch(run, writers, lambda: installing.poll() is None)
        output = installing.communicate()[0]
        if installing.returncode == 0:
            run.violations.append("an installation succeeded while the table was locked")
        run.figures["refusal"] = output.partition("CommandError: ")[2].partition(".")[0]
        finish(manage(address, "pgtrigger", "check", **NEXT))  # the earlier rule is still there


def _watch(run: Run, writers: Writers, goes_on: Callable[[], bool]) -> None:
    """Keep the longest time in which no step was confirmed to any writer."""
    count, since = len(writers.confirmed()), time.monotonic()
    name = "longest pause of all writers, seconds"
    while goes_on():
        time.sleep(0.05)
        writers.read()
        now = len(writers.confirmed())
        if now != count:
            count, since = now, time.monotonic()
        run.figures[name] = max(run.figures.get(name, 0), round(time.monotonic() - since, 1))


@claim("Three deployments migrate and install at once", area="faults")
def three_deployments(run: Run) -> None:
    """Migrate an empty database three times at once, then install under 8 writers."""
    with server() as started:
        address = url(started)
        for number in range(run.times(5, short=1)):
            run.say(f"from empty {number + 1}")
            ask(address, "DROP SCHEMA public CASCADE")
            ask(address, "CREATE SCHEMA public")
            _at_once(address, "migrate", "--verbosity", "0")
            _check(run, address)
        migrate(address)
        with writing(run, address) as writers:
            for number in range(run.times(10, short=2)):
                run.say(f"install {number + 1}")
                variables = {} if number % 2 else NEXT
                with recovery(run, writers):
                    _at_once(address, "pgtrigger", "install", **variables)
                finish(manage(address, "pgtrigger", "check", **variables))
        verify(run, address, writers)


def _at_once(address: str, *arguments: str, **variables: str) -> None:
    for process in [manage(address, *arguments, **variables) for _ in range(3)]:
        finish(process)


def _check(run: Run, address: str) -> None:
    finish(manage(address, "migrate", "--check"))
    finish(manage(address, "pgtrigger", "check"))
    twice = ask(
        address, "SELECT app, name FROM django_migrations GROUP BY app, name HAVING count(*) > 1"
    )
    run.violations += [f"applied twice: {app}.{name}" for app, name in twice]
