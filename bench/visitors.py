"""``python -m bench.visitors``: many visitors at once play the tutorial's scenarios.

Starts gunicorn with two workers, lets visitors open chapters and press Run for a while, and looks
at what they got, how long it took them, and what is left in the database afterwards.
"""

import argparse
import http.client
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import django

BEHIND_A_PROXY = {
    "Host": "localhost",
    "X-Forwarded-Proto": "https",
    "Referer": "https://localhost/",
}


@dataclass
class Visitor:
    """One visitor, who reads a while, presses Run, and goes on to the next chapter."""

    port: int
    slugs: list[str]
    pause: float
    wait: float
    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def visit(self, until: float) -> None:
        time.sleep(self.wait)
        number = 0
        while time.monotonic() < until:
            slug = self.slugs[number % len(self.slugs)]
            number += 1
            try:
                self._play(slug)
            except (OSError, http.client.HTTPException, AssertionError) as error:
                self.errors.append(f"{slug}: {error!r}")
            time.sleep(self.pause)

    def _play(self, slug: str) -> None:
        page, headers = self._request("GET", f"/{slug}/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        cookie = headers["Set-Cookie"].partition(";")[0]
        assert token
        time.sleep(self.pause)
        played, _ = self._request(
            "POST",
            f"/{slug}/run/",
            body=f"csrfmiddlewaretoken={token[1]}",
            headers={
                "Cookie": cookie,
                "Content-Type": "application/x-www-form-urlencoded",
                "HX-Request": "true",
            },
        )
        assert 'id="output"' in played, "no output"

    def _request(
        self, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
    ) -> tuple[str, http.client.HTTPMessage]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        began = time.perf_counter()
        connection.request(method, path, body, {**BEHIND_A_PROXY, **(headers or {})})
        response = connection.getresponse()
        text = response.read().decode()
        self.seconds.append(time.perf_counter() - began)
        connection.close()
        assert response.status == 200, f"{response.status} {text[:200]}"
        return text, response.headers


def main() -> int:
    options = _options()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    from tutorial.chapters import all_chapters

    slugs = [chapter.slug for chapter in all_chapters()]
    before = _left()
    server = _serve(options.port, options.workers)
    try:
        visitors = [
            Visitor(
                options.port,
                slugs[place % len(slugs) :] + slugs,
                options.pause,
                wait=options.pause * place / options.visitors,  # not all in the same moment
            )
            for place in range(options.visitors)
        ]
        until = time.monotonic() + options.seconds
        threads = [threading.Thread(target=visitor.visit, args=[until]) for visitor in visitors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        after = _left()
    finally:
        server.terminate()
        server.wait()

    seconds = sorted(second for visitor in visitors for second in visitor.seconds)
    errors = [error for visitor in visitors for error in visitor.errors]
    slowest = statistics.quantiles(seconds, n=20)[-1]
    print(f"{len(seconds)} requests, {len(seconds) / options.seconds:.0f} a second")
    print(f"median {statistics.median(seconds) * 1000:.0f} ms, p95 {slowest * 1000:.0f} ms")
    print(f"{len(errors)} errors", *sorted(set(errors))[:5], sep="\n  ")
    print(f"left before: {before}\nleft after:  {after} (each worker keeps a connection)")
    after["connections"] -= min(after["connections"], options.workers)
    return int(bool(errors) or before != after or slowest > 0.5)


def _serve(port: int, workers: int) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "DEBUG": "0", "ALLOWED_HOSTS": "localhost", "SECRET_KEY": "b" * 50}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"],
        env=environment,
        check=True,
    )
    command = ["gunicorn", "project.wsgi", f"--workers={workers}", f"--bind=127.0.0.1:{port}"]
    server = subprocess.Popen([sys.executable, "-m", *command], env=environment)
    for _ in range(100):
        try:
            http.client.HTTPConnection("127.0.0.1", port).connect()
            return server
        except OSError:
            time.sleep(0.1)
    server.terminate()
    raise RuntimeError(f"gunicorn does not answer on port {port}")


def _left() -> dict[str, int]:
    """What visitors could leave behind: rows, schemas, and connections other than this one."""
    from django.db import connection

    from tutorial.chapters import all_chapters
    from tutorial.private_tables import SCHEMA_PREFIX

    models = {model for chapter in all_chapters() for model in chapter.models}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_namespace WHERE starts_with(nspname, %s)", [SCHEMA_PREFIX]
        )
        (schemas,) = cursor.fetchone()
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        (connections,) = cursor.fetchone()
    rows = sum(model._base_manager.count() for model in models)
    return {"rows": rows, "schemas": schemas, "connections": connections}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit code: 0 where there was no error, nothing was left and p95 is under 500 ms; 1",
    )
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--pause", type=float, default=2, help="seconds of reading (default: 2)")
    parser.add_argument("--workers", type=int, default=2, help="gunicorn's (default: 2)")
    parser.add_argument("--port", type=int, default=8991)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
