"""A few random writes of all kinds; ``python -m life.model --steps 20000`` makes more."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "life").is_dir(), reason="life/ was removed")


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "life.model", "--format", "json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_tables_events_and_contexts_are_as_a_model_in_python_expects():
    ended = run("--steps", "200", "--seed", "5")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {each["level"]: each for each in json.loads(ended.stdout)}
    assert {level: each["steps"] for level, each in found.items()} == {
        "row": 200,
        "statement": 200,
    }
    assert all(each["refused"] > 10 and each["mismatches"] == 0 for each in found.values())


@pytest.mark.parametrize("trigger", ["search", "version", "update_update"])
def test_a_trigger_that_does_not_fire_is_noticed(trigger):
    ended = run("--steps", "120", "--seed", "5", "--level", "row", "--without", trigger)
    assert ended.returncode == 1
    assert json.loads(ended.stdout)[0]["mismatches"] == 1
