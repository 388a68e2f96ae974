"""A few random changes of a generated project; ``make life`` makes 2,000: see life/README.md."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent.parent


@pytest.mark.skipif(not (ROOT / "life").is_dir(), reason="life/ was removed")
def test_with_rules_and_history_a_project_changes_as_without():
    ended = subprocess.run(
        [sys.executable, "-m", "life.evolution", "--steps", "1", "--length", "5", "--seed", "1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
