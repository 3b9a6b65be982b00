"""Rows of the benchmark's table: ours beside a reference of the same run, and whether the goal is met."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    "<": operator.lt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Row:
    """One line. `goal` is of the ratio, or of our own number where it names a unit ("< 2 s"); empty: none is set."""

    row: str
    ours: float | None
    reference: float | None
    unit: str
    ratio: float | None
    goal: str
    met: bool | None
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measured(
    row: str, unit: str, ours: Sequence[float], reference: Sequence[float] = (), *, goal: str = "", note: str = ""
) -> Row:
    """Return the row of the medians of what was measured. The ratio is the median over the rounds: a machine that
    grows busier in between disturbs it less than the medians.
    """
    own = median(ours)
    other = median(reference) if reference else None
    ratio = median(a / b for a, b in zip(ours, reference, strict=True)) if reference else None
    return Row(row, own, other, unit, ratio, goal, _is_met(goal, own, ratio), note)


def skipped(row: str, unit: str, goal: str, reason: str) -> Row:
    """Return the row of what could not be measured here."""
    return Row(row, None, None, unit, None, goal, None, f"skipped: {reason}")


def interleaved(repetitions: int, *actions: Callable[[], float]) -> list[list[float]]:
    """Measure in turns, so that what disturbs the machine disturbs all alike; return a list for each action."""
    rounds = [[action() for action in actions] for _ in range(repetitions)]
    return [list(each) for each in zip(*rounds, strict=True)]


def seconds(action: Callable[[], object]) -> float:
    """Return how long it takes."""
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text."""
    lines = [("", "ours", "reference", "", "ratio", "goal", "")]
    for each in rows:
        verdict = {True: "met", False: "NOT MET", None: ""}[each.met]
        numbers = (_number(each.ours), _number(each.reference), each.unit, _number(each.ratio, "{:.2f}"))
        lines.append((each.row, *numbers, each.goal, f"{verdict} {each.note}".strip()))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:>{widths[2]}} {line[3]:<{widths[3]}}  "
        f"{line[4]:>{widths[4]}}  {line[5]:<{widths[5]}}  {line[6]}".rstrip()
        for line in lines
    )


def _is_met(goal: str, own: float, ratio: float | None) -> bool | None:
    if not goal:
        return None
    comparison, number, *unit = goal.split()
    value = own if unit else ratio
    assert value is not None, f"{goal}: there is nothing to compare with"
    return _COMPARISONS[comparison](value, float(number))


def _number(value: float | None, form: str = "") -> str:
    if value is None:
        return ""
    return form.format(value) if form else f"{value:.0f}" if value >= 100 else f"{value:.3g}"
