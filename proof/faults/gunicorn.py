"""The application server's processes are killed."""

from __future__ import annotations

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from proof.claims import Run, claim
from proof.servers import ROOT, environment, migrate, server, url, wait_for
from proof.verifying import verify
from proof.writers import Journal

CLIENTS = 8
DEPLOYED = {
    "DEBUG": "0",
    "SECRET_KEY": "a-key-of-the-proof-that-nobody-else-uses-and-that-is-long-enough",
    "ALLOWED_HOSTS": "127.0.0.1",
    "EMAIL_URL": "smtp://127.0.0.1:1",
    "LOG_LEVEL": "ERROR",
}
# A connection whose request was refused or cut off, an error page, a worker that is not there yet.
FAILURES = (OSError, http.client.HTTPException)


class Site:
    """Gunicorn, started again by ``keep_running`` as a container's restart policy does."""

    def __init__(self, address: str, log: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.variables = environment(address, **DEPLOYED, PORT=str(self.port))
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None

    def keep_running(self) -> None:
        """Start gunicorn unless it is running."""
        if self.process and self.process.poll() is None:
            return
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn", "--config", "python:project.gunicorn"),
                    "project.wsgi",
                ],
                cwd=ROOT,
                env=self.variables,
                stdout=log,
                stderr=log,
            )

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        assert self.process
        pid = self.process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def stop(self) -> None:
        """End gunicorn and its workers."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


class Clients(Journal):
    """Threads that ask the site to carry out step after step, each until it has answered."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__([folder / f"client-{number}" for number in range(CLIENTS)])
        self.port, self.ended = port, threading.Event()
        self.threads = [
            threading.Thread(target=self._work, args=(number, path), daemon=True)
            for number, path in enumerate(self.paths)
        ]
        for path in self.paths:
            path.touch()
        for thread in self.threads:
            thread.start()

    def _work(self, writer: int, path: Path) -> None:
        step = 0
        with path.open("w", buffering=1) as journal:
            while not self.ended.is_set():
                print("?", writer, step, file=journal)
                while (failure := self._ask(writer, step)) and not self.ended.is_set():
                    print("!", writer, step, failure, file=journal)
                    time.sleep(0.05)
                if not failure:
                    print("=", writer, step, file=journal)
                step += 1

    def _ask(self, writer: int, step: int) -> str:
        """Return the kind of failure, or nothing if the step was carried out."""
        asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            asking.request(
                "POST", f"/steps/{writer}/{step}", headers={"X-Forwarded-Proto": "https"}
            )
            status = asking.getresponse().status
            return "" if status == 200 else f"status-{status}"
        except FAILURES as error:
            return type(error).__name__
        finally:
            asking.close()

    def stop(self) -> None:
        """Let the requests end that are open."""
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.read()


@claim("Gunicorn's workers and its master are killed with -9 under 8 clients", area="faults")
def gunicorn_killed(run: Run) -> None:
    """Kill a worker three times out of four, otherwise the master, which is started again."""
    chance = random.Random(run.seed)
    kills = {"workers killed": 0, "masters killed": 0}
    with server() as started, tempfile.TemporaryDirectory(prefix="clients-") as name:
        migrate(url(started))
        site = Site(url(started), Path(name) / "log")
        site.keep_running()
        clients = Clients(Path(name), site.port)
        try:
            clients.wait_for_each(CLIENTS)
            for number in range(run.times(40, short=4)):
                run.say(f"kill {number + 1}")
                time.sleep(chance.uniform(0.1, 0.5))
                kills["masters killed" if number % 4 == 3 else "workers killed"] += 1
                _kill(site, chance, master=number % 4 == 3)
                taken = round(clients.wait_for_each(CLIENTS), 1)
                longest = "longest recovery, seconds"
                run.figures[longest] = max(run.figures.get(longest, 0), taken)
        finally:
            clients.stop()
            site.stop()
        run.figures["failed requests"] = sum(clients.errors.values())
        verify(run, url(started), clients)
    run.figures |= kills


def _kill(site: Site, chance: random.Random, *, master: bool) -> None:
    assert site.process
    if not master:
        os.kill(chance.choice(site.workers()), signal.SIGKILL)
        return
    left: list[Any] = site.workers()
    site.process.kill()
    site.process.wait()
    # The workers see that their master is gone, and end; the port is theirs until then.
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left), "the workers' end")
    site.keep_running()
