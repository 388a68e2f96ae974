"""``python -m proof.ledger.writer NAME THREADS``: writes step after step until its input ends.

Each thread appends a line to the journal before a step (``?``), after the step was confirmed
(``=``), and after an error (``!``). After an error it waits a moment, asks whether the step was
committed, and tries again on whatever connection Django gives it. That is all a web application
does, so nothing else may be needed to recover.
"""

import sys
import threading
import time
import traceback

import django


def work(writer: int, journal: "Journal", ended: threading.Event) -> None:
    """Carry out steps until ``ended`` is set; a step that has begun is finished."""
    from django.db import Error, close_old_connections

    from proof.ledger.operation import carry_out, is_done

    step = 0
    while not ended.is_set():
        journal.write("?", writer, step)
        while True:
            close_old_connections()  # as Django does before and after each request
            try:
                if not is_done(writer, step):
                    carry_out(writer, step)
                break
            except Error as error:
                journal.write("!", writer, step, type(error).__name__)
                time.sleep(0.05)
        journal.write("=", writer, step)
        step += 1


class Journal:
    """Lines on standard output, each written at once."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def write(self, *words: object) -> None:
        with self.lock:
            print(*words, flush=True)


def main() -> int:
    first, threads = int(sys.argv[1]), int(sys.argv[2])
    django.setup()
    journal, ended, failed = Journal(), threading.Event(), []

    def guarded(writer: int) -> None:
        try:
            work(writer, journal, ended)
        except BaseException:
            failed.append(traceback.format_exc())
            print(failed[-1], file=sys.stderr, flush=True)

    workers = [
        threading.Thread(target=guarded, args=(first + number,)) for number in range(threads)
    ]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    ended.set()
    for worker in workers:
        worker.join()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
