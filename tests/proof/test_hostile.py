"""A short run of each fuzzer."""

import pytest

from proof.claims import CannotRun, Run, load
from tests.project.conftest import needs_the_wheel

CLAIMS = load()
pytestmark = [needs_the_wheel, pytest.mark.long]


@pytest.mark.parametrize("name", [c.name for c in CLAIMS.values() if c.area == "hostile input"])
def test_no_input_has_another_answer_than_the_documented_one(name: str) -> None:
    run = Run(short=True)
    try:
        CLAIMS[name].function(run)
    except CannotRun as error:
        pytest.skip(str(error))
    assert run.violations == []
    assert run.figures["inputs"] > 0
