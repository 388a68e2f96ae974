"""Draws what it is given as JSON on standard input. It runs in the environment with matplotlib.

https://matplotlib.org/stable/api/_as_gen/matplotlib.axes.Axes.errorbar.html
"""

import json
import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "the same file for the same figures"
matplotlib.rcParams["svg.fonttype"] = "none"
from matplotlib import pyplot


def ratios(file, title, ratios):
    """Draw a line for each ratio: its median, its quartiles, and its bound."""
    figure, axes = pyplot.subplots(figsize=(9, 0.34 * len(ratios) + 1.4))
    for row, each in enumerate(ratios):
        low, high = each["quartiles"] or (each["found"], each["found"])
        missed = each["at_most"] is not None and low > each["at_most"]
        axes.errorbar(
            each["found"],
            row,
            xerr=[[max(0, each["found"] - low)], [max(0, high - each["found"])]],
            fmt="o",
            markersize=5,
            capsize=3,
            color="#c0392b" if missed else "#1f6feb",
        )
        if each["at_most"] is not None:
            axes.plot(each["at_most"], row, marker="|", markersize=13, color="#555555")
    axes.set_yticks(range(len(ratios)), [label(each) for each in ratios], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="#bbbbbb", linewidth=1, zorder=0)
    if max(each["found"] for each in ratios) > 5:
        axes.set_xscale("log")
    axes.set_xlabel("ratio of times: median, quartiles and bound (|)", fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    save(figure, file)


def label(ratio):
    """Return the text at the left of a ratio."""
    against = f"{ratio['variant']} / {ratio['against']}" if ratio["against"] else ratio["variant"]
    text = f"{ratio['title']}: {against}"
    return text if len(text) <= 80 else f"{text[:79]}…"


def growth(file, title, unit, series):
    """Draw the points of each series, and the line that was fitted to them."""
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    for name, each in series.items():
        (points,) = axes.plot(each["x"], each["y"], "o", label=f"{name}: {each['formula']}")
        axes.plot(each["x"], each["fitted"], color=points.get_color(), linewidth=1)
    axes.set_xlabel(unit, fontsize=8)
    axes.set_ylabel("seconds", fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(fontsize=7)
    save(figure, file)


def levels(file, title, works):
    """Draw a bar for each level of each work, and a line at the time without a trigger."""
    figure, axes = pyplot.subplots(figsize=(9, 0.62 * len(works) + 1.2))
    for row, (_, without, by_row, by_statement) in enumerate(works):
        axes.barh(row - 0.18, by_row, 0.34, color="#1f6feb")
        axes.barh(row + 0.18, by_statement, 0.34, color="#d9822b")
        if without is not None:
            axes.plot([without, without], [row - 0.38, row + 0.38], color="#555555")
    axes.set_yticks(range(len(works)), [work for work, *_ in works], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("seconds; the grey line is the time without a trigger", fontsize=8)
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(axes.containers[:2], ["row level", "statement level"], fontsize=8)
    save(figure, file)


def save(figure, file):
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    given = json.load(sys.stdin)
    for each in given.get("ratios", []):
        ratios(**each)
    for each in given.get("growth", []):
        growth(**each)
    for each in given.get("levels", []):
        levels(**each)
