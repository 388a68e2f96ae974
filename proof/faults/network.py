"""The network between the application and the database is cut."""

from __future__ import annotations

import random
import time

from proof.claims import Run, claim
from proof.relay import relay
from proof.servers import migrate, server, url
from proof.verifying import verify
from proof.writers import recovery, writing


@claim("The network between application and database is cut", area="faults")
def network_cut(run: Run) -> None:
    """Cut it at random moments, every second time after requests have passed and answers not.

    A COMMIT whose answer is lost has taken effect, and the writer does not learn of it.
    """
    chance = random.Random(run.seed)
    with server() as started, relay(f"{started.socket_folder()}/.s.PGSQL.5432") as cable:
        migrate(url(started))
        address = f"postgres://postgres@127.0.0.1:{cable.port}/postgres"
        with writing(run, address) as writers:
            for number in range(run.times(40, short=6)):
                run.say(f"cut {number + 1}")
                time.sleep(chance.uniform(0.1, 0.5))
                cable.deaf = bool(number % 2)
                time.sleep(0.05 * cable.deaf)
                cable.down = True
                cable.cut()
                time.sleep(chance.uniform(0.1, 1))
                cable.deaf = cable.down = False
                with recovery(run, writers):
                    run.figures["cuts"] = number + 1
        verify(run, url(started), writers)
