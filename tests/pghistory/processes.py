"""Commands in separate processes, which a test can kill."""

import os
import subprocess
import sys
import threading
import time

import pytest
from django.conf import settings
from django.db import connection, connections

_RUN = """
import sys
import django
django.setup()
from django.core.management import call_command
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
call_command(*sys.argv[2:])
"""


_started = []


@pytest.fixture
def stopped():
    """End what the test started, also if it fails."""
    yield
    for process in _started:
        process.kill()
        process.wait()
        process.stdout.close()
    _started.clear()


def start(*arguments):
    """``manage.py`` with these arguments, in the test's database."""
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, connection.settings_dict["NAME"], *map(str, arguments)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.library_settings"},
        cwd=settings.BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    _started.append(process)
    return process


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Writers:
    """Threads that call a function again and again until the block ends."""

    def __init__(self, write, number=3):
        self.write, self.errors, self.ended = write, [], threading.Event()
        self.count = 0
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(number)]

    def _run(self, number):
        try:
            while not self.ended.is_set():
                self.write(number)
                self.count += 1
        except Exception as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc_info):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        assert not self.errors
