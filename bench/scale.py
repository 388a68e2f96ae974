"""``python -m bench.scale``: how start-up and commands grow with models and triggers.

Each size is a separate project with its own database, generated in a temporary folder. Each
figure is taken in a new process and is the fastest of several. A straight line is fitted to the
figures (least squares), and the curvature says whether they lie on one: the exponent of the power
of the number of models with which the time above that of an empty project grows. 1 is linear.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from bench.plotting import draw
from life.databases import Server

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("scale.json")
PAGE = ROOT / "docs" / "performance" / "scale.md"
TRIGGERS = 5
SIZES = (1, 100, 300, 1_000)
STARTUP_BOUND = 1.2
EXPONENT_BOUND = 1.15

SETTINGS = """
import json, os
SECRET_KEY = "scale"
USE_TZ = True
DATABASES = {"default": json.loads(os.environ["SCALE_DATABASE"])}
INSTALLED_APPS = ["pgtrigger", "django.contrib.contenttypes", "shop"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
"""

MODEL = """
class Table{number}(models.Model):
    name = models.TextField(default="")
    status = models.CharField(max_length=8, default="draft")
    amount = models.IntegerField(default=0)

    class Meta:
        triggers = [{triggers}]
"""

RULES = (
    'pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)',
    'pgtrigger.ReadOnly(name="name_is_final", fields=["name"])',
    'pgtrigger.FSM(name="flow", field="status", transitions=[("draft", "sent")])',
    'pgtrigger.Protect(name="nine", operation=pgtrigger.Update, condition=NINE)',
    'pgtrigger.Protect(name="early", operation=pgtrigger.Insert, condition=NINE)',
)

# Prints the seconds of each step as JSON. The imports of Django itself are not measured.
MEASURE = """
import io, json, os, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
import django, django.db.models
from django.core.management import call_command

taken = {}

def measure(name, work):
    begun = time.perf_counter()
    work()
    taken[name] = time.perf_counter() - begun

def command(*arguments, **options):
    call_command(*arguments, stdout=io.StringIO(), **options)

measure("start-up", django.setup)
measure("check", lambda: command("check", databases=["default"]))
measure("makemigrations", lambda: command("makemigrations", dry_run=True, check_changes=True))
measure("pgtrigger ls", lambda: command("pgtrigger", "ls"))
measure("pgtrigger install", lambda: command("pgtrigger", "install", verbosity=0))
print(json.dumps(taken))
"""
FIGURES = ("start-up", "check", "makemigrations", "pgtrigger ls", "pgtrigger install")


class Project:
    """A generated project with so many models, and so many triggers on each."""

    def __init__(self, folder: Path, server: Server, models: int, triggers: int) -> None:
        self.name, self.server = f"scale_{models}_{triggers}", server
        self.folder = folder / self.name
        app = self.folder / "shop"
        app.mkdir(parents=True)
        (app / "__init__.py").touch()
        (self.folder / "settings.py").write_text(SETTINGS)
        rules = ", ".join(RULES[:triggers])
        (app / "models.py").write_text(
            "from django.db import models\nimport pgtrigger\nNINE = pgtrigger.Q(new__amount=9)\n"
            + "".join(MODEL.format(number=number, triggers=rules) for number in range(models))
        )
        server.create(self.name)

    def run(self, *arguments: str) -> str:
        """Run Python in the project and return its output. Raise RuntimeError if it fails."""
        environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
        ended = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment
            | {
                "SCALE_DATABASE": self.server.settings(self.name),
                "PYTHONPATH": f"{self.folder}{os.pathsep}{ROOT}",
                "DJANGO_SETTINGS_MODULE": "settings",
            },
            capture_output=True,
            text=True,
        )
        if ended.returncode:
            raise RuntimeError(f"{self.name}: {ended.stdout}{ended.stderr}")
        return ended.stdout

    def measured(self, times: int) -> dict[str, float]:
        """Return the seconds of each figure, the fastest of so many processes."""
        manage = ("-m", "django")
        self.run(*manage, "makemigrations", "shop", "--verbosity", "0")
        self.run(*manage, "migrate", "--verbosity", "0")
        runs = [json.loads(self.run("-c", textwrap.dedent(MEASURE))) for _ in range(times)]
        return {name: min(run[name] for run in runs) for name in FIGURES}


def main() -> int:
    options = _options()
    found: dict[str, dict[int, dict[str, float]]] = {"with": {}, "without": {}}
    server = Server(ROOT)
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        for models in options.sizes:
            for kind, triggers in (("without", 0), ("with", TRIGGERS)):
                project = Project(Path(folder), server, models, triggers)
                try:
                    found[kind][models] = project.measured(options.times)
                finally:
                    server.drop(project.name)
                shown = ", ".join(f"{k} {v:.3f}" for k, v in found[kind][models].items())
                print(f"{models} models {kind} triggers: {shown}", flush=True)
    series = {name: fitted({m: found["with"][m][name] for m in options.sizes}) for name in FIGURES}
    largest = options.sizes[-1]
    ratio = found["with"][largest]["start-up"] / found["without"][largest]["start-up"]
    missed = [
        f"MISSED {name} grows with the power {each['exponent']:.2f}, at most {EXPONENT_BOUND}"
        for name, each in series.items()
        if each["exponent"] > EXPONENT_BOUND
    ]
    if ratio > STARTUP_BOUND:
        missed.append(f"MISSED start-up with triggers / without is {ratio:.2f}, at most 1.2")
    for name, each in series.items():
        print(f"{name}: {each['formula']}, exponent {each['exponent']:.2f}")
    print(f"start-up with triggers / without: {ratio:.2f}")
    if options.write:
        write(found, series, ratio)
    print("\n".join(missed), file=sys.stderr)
    return 1 if missed else 0


def fitted(seconds: dict[int, float]) -> dict[str, object]:
    """Return the line through the figures, and the exponent with which they grow."""
    sizes, times = list(seconds), list(seconds.values())
    slope, intercept = statistics.linear_regression(sizes, times)
    base, *rest = seconds.items()
    logs = [(math.log(m), math.log(max(t - base[1], 1e-6))) for m, t in rest]
    exponent = statistics.linear_regression(*zip(*logs, strict=True)).slope if len(logs) > 1 else 1
    return {
        "x": sizes,
        "y": times,
        "fitted": [intercept + slope * size for size in sizes],
        "formula": f"{intercept:.3f} s + {slope * 1000:.2f} ms for each model",
        "exponent": exponent,
        "slope": slope,
        "intercept": intercept,
    }


def write(
    found: dict[str, dict[int, dict[str, float]]],
    series: dict[str, dict[str, object]],
    ratio: float,
) -> None:
    """Write ``scale.json``, ``docs/performance/scale.md`` and its plot."""
    RESULTS.write_text(json.dumps({"seconds": found, "series": series}, indent=1) + "\n")
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    drawn = {k: {n: v[n] for n in ("x", "y", "fitted", "formula")} for k, v in series.items()}
    draw(
        {
            "growth": [
                {
                    "file": str(PAGE.with_suffix(".svg")),
                    "title": f"{TRIGGERS} triggers on each model",
                    "unit": "models",
                    "series": drawn,
                }
            ]
        }
    )
    sizes = list(found["with"])
    head = "| | " + " | ".join(f"{size:,} models" for size in sizes) + " | formula | exponent |"
    rows = [
        f"| {name} | "
        + " | ".join(f"{found['with'][size][name]:.3f}" for size in sizes)
        + f" | {each['formula']} | {each['exponent']:.2f} |"
        for name, each in series.items()
    ]
    table = "\n".join([head, "|---" * (len(sizes) + 3) + "|", *rows])
    PAGE.write_text(INTRODUCTION.format(table=table, ratio=ratio, size=f"{sizes[-1]:,}"))


INTRODUCTION = """\
# Many models

`python -m bench.scale --write` writes this page: a generated project with five triggers on each
model. Seconds, the fastest of several processes. The formula is the straight line that fits best.
The exponent is that of the power of the number of models with which the time grows, above that of a
project with one model: 1 is linear.

{table}

![Seconds by the number of models](scale.svg)

Start-up with {size} models and five triggers on each takes {ratio:.2f} times as long as with the
same models without triggers.
"""


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scale",
        description="Measure how start-up and commands grow with models and triggers.",
        epilog=(
            "example: python -m bench.scale --sizes 1 100 300 --times 1\n"
            "exit code: 0 if all is linear and start-up within its bound, 1 if not (it is named)"
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), metavar="MODELS")
    parser.add_argument("--times", type=int, default=5, help="processes for each figure")
    parser.add_argument("--write", action="store_true", help="write docs/performance/scale.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
