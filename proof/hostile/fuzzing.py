"""``python -m proof.hostile.fuzzing TARGET SECONDS CORPUS FOUND``: look for a wrong answer.

It runs in an environment with atheris, on the database of DATABASE_URL. Inputs that reach new code
are kept in the folder CORPUS, so that the next run begins with them; a wrong answer's input is
written to FOUND. https://github.com/google/atheris
"""

from __future__ import annotations

import logging
import sys
import warnings
from importlib import import_module
from pathlib import Path

INSTRUMENTED = ["pgtrigger", "pghistory", "tutorial", "integrity", "project"]
WORDS = Path(__file__).with_name("exercises.dict")


def main() -> None:
    import atheris

    warnings.simplefilter("ignore")
    logging.disable()

    name, seconds, corpus, found = sys.argv[1:]
    with atheris.instrument_imports(include=INSTRUMENTED):
        import django

        django.setup()
        import_module("proof.hostile.site")
        from proof.hostile import targets
        from tutorial.exercises.tasks import EXERCISES
    targets.prepare()
    options = [
        f"-max_total_time={seconds}",
        f"-artifact_prefix={found}/wrong-",
        "-max_len=4096",
        "-len_control=0",
    ]
    if name == "exercises":
        options.append(f"-dict={WORDS}")
        for slug, exercise in EXERCISES.items():
            (Path(corpus) / f"solution-{slug}").write_text(exercise.solution)
    atheris.Setup([sys.argv[0], corpus, *options], targets.targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
