"""A benchmark's ratio is missed if it is surely above its bound, and is then named."""

from bench.rounds import Report, Result, Target, complaint


class Timed:
    """A turn with known times."""

    def __init__(self, *seconds: float):
        self.times = iter(seconds)

    def seconds(self) -> float:
        return next(self.times)


def ratio(*seconds: float) -> Result:
    """The result of a variant with these times against one that always takes a second."""
    report = Report()
    turns = {"tracked": Timed(*seconds), "by hand": Timed(*[1.0] * len(seconds))}
    targets = [Target("tracked", "by hand", at_most=1.1)]
    report.compare("saves", turns, targets, rounds=len(seconds), warm_up=False)
    return report.results[0]


def test_a_ratio_is_missed_if_its_lower_quartile_is_above_the_bound() -> None:
    assert not ratio(1.2, 1.2, 1.3, 1.3).held


def test_a_ratio_is_held_if_its_median_is_above_and_its_lower_quartile_is_not() -> None:
    result = ratio(1.0, 1.0, 1.2, 1.2, 1.3)
    assert result.found > 1.1
    assert result.held


def test_a_missed_ratio_is_named_with_its_bound() -> None:
    assert complaint(ratio(1.2, 1.2, 1.2)) == (
        "MISSED saves: tracked / by hand is 1.20 (quartiles 1.20 to 1.20), at most 1.1 is allowed"
    )


def test_a_count_is_missed_above_its_bound() -> None:
    report = Report()
    report.count("queries", found=2, at_most=1)
    assert not report.results[0].held
