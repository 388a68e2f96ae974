"""Writers in separate processes, and what they reported to have written."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from proof.servers import PATIENCE, ROOT, environment, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from proof.claims import Run

PROCESSES, THREADS = 2, 4


class Journal:
    """The steps that writers began (``?``) and that were confirmed to them (``=``).

    Attributes:
        errors: How often each kind of error was raised to a writer.
    """

    def __init__(self, paths: list[Path]) -> None:
        self.paths = paths
        self.errors: Counter[str] = Counter()
        self._offsets = dict.fromkeys(paths, 0)
        self._steps: dict[str, set[tuple[int, int]]] = {"?": set(), "=": set()}

    def read(self) -> None:
        """Read the lines that were written since the last time."""
        for path, offset in self._offsets.items():
            with path.open() as file:
                file.seek(offset)
                text = file.read()
            complete = text[: text.rfind("\n") + 1]
            self._offsets[path] += len(complete)
            for mark, writer, step, *kind in map(str.split, complete.splitlines()):
                if kind:
                    self.errors[kind[0]] += 1
                else:
                    self._steps[mark].add((int(writer), int(step)))

    def begun(self) -> set[tuple[int, int]]:
        """Return the writer and number of each step that was begun."""
        return self._steps["?"]

    def confirmed(self) -> set[tuple[int, int]]:
        """Return the writer and number of each step that was confirmed."""
        return self._steps["="]

    def wait_for_each(self, writers: int, failed: Callable[[], bool] = lambda: False) -> float:
        """Return how many seconds it took until one more step was confirmed to each writer."""
        self.read()
        before = Counter(writer for writer, _ in self.confirmed())

        def done() -> bool:
            self.read()
            now = Counter(writer for writer, _ in self.confirmed())
            return failed() or all(now[writer] > before[writer] for writer in range(writers))

        return wait_for(done, f"one more step of each writer, after {dict(self.errors)}")


class Writers(Journal):
    """Processes that run ``proof.ledger.writer``."""

    def __init__(self, folder: Path, address: str, **variables: str) -> None:
        super().__init__([folder / f"journal-{number}" for number in range(PROCESSES)])
        self.complaints = folder / "complaints"
        self.processes = []
        for number, path in enumerate(self.paths):
            with path.open("w") as journal, self.complaints.open("a") as complaints:
                self.processes.append(
                    subprocess.Popen(
                        [
                            *(sys.executable, "-m", "proof.ledger.writer"),
                            *(str(number * THREADS), str(THREADS)),
                        ],
                        cwd=ROOT,
                        env=environment(address, **variables),
                        stdin=subprocess.PIPE,
                        stdout=journal,
                        stderr=complaints,
                    )
                )

    def wait_for_all(self) -> float:
        """Return how many seconds it took until all writers had written again."""
        return self.wait_for_each(PROCESSES * THREADS, self.failed)

    def failed(self) -> bool:
        """Return whether a writer has stopped because of an error that it does not expect."""
        return self.complaints.stat().st_size > 0

    def finish(self) -> None:
        """Let the writers finish their steps, and wait for their end."""
        for process in self.processes:
            if process.stdin and not process.stdin.closed:
                process.stdin.close()
        for process in self.processes:
            process.wait(timeout=PATIENCE)
        self.read()

    def stop(self) -> None:
        """End the processes that are still there."""
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


@contextmanager
def writing(run: Run, address: str, **variables: str) -> Iterator[Writers]:
    """Start eight writers, wait until all write, and let them finish at the end."""
    with tempfile.TemporaryDirectory(prefix="writers-") as name:
        writers = Writers(Path(name), address, **variables)
        try:
            writers.wait_for_all()
            yield writers
            writers.finish()
            run.violations += writers.complaints.read_text().splitlines()
        finally:
            writers.stop()
        run.figures["errors raised to writers"] = sum(writers.errors.values())


@contextmanager
def recovery(run: Run, writers: Writers) -> Iterator[None]:
    """Carry out a fault, and keep the longest time until all writers write again after it."""
    yield
    taken = round(writers.wait_for_all(), 1)
    name = "longest recovery, seconds"
    run.figures[name] = max(run.figures.get(name, 0), taken)
