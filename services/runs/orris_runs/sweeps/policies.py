"""Which trials are ended early: pure functions of what trials have logged so far.

Values are turned so that the greater is the better. A trial's n-th value is its n-th interval; it is judged at some
intervals, once at each, by what all trials had up to the same interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, median


class Rule(StrEnum):
    """By what a trial is judged."""

    BANDIT = "bandit"
    MEDIAN_STOPPING = "median stopping"
    TRUNCATION_SELECTION = "truncation selection"
    ASHA = "ASHA"


@dataclass(frozen=True, slots=True)
class Policy:
    """A rule, when it is applied, and what it needs: `slack_*` for BANDIT, `percentage` and `exclude_finished` for
    TRUNCATION_SELECTION, `min_interval` and `reduction_factor` for ASHA.
    """

    rule: Rule
    interval: int = 1
    delay: int = 0
    slack_factor: float = 0.0
    slack_amount: float = 0.0
    percentage: int = 0
    exclude_finished: bool = False
    min_interval: int = 1
    reduction_factor: int = 4


@dataclass(frozen=True, slots=True)
class Course:
    """What a trial has logged, in order, and whether it has ended. NaN counts as an interval, not as a value."""

    number: int
    values: Sequence[float]
    ended: bool = False

    def best(self, interval: int) -> float:
        """Return the best of its first values; minus infinity where there is none."""
        return max(self._until(interval), default=-math.inf)

    def average(self, interval: int) -> float:
        """Return the average of its first values; minus infinity where there is none."""
        values = self._until(interval)
        return fmean(values) if values else -math.inf

    def _until(self, interval: int) -> list[float]:
        return [value for value in self.values[:interval] if not math.isnan(value)]


def interval_to_judge(policy: Policy, logged: int) -> int:
    """Return the last interval, of those that a trial has logged, at which it is judged; 0 when there is none."""
    if policy.rule is Rule.ASHA:
        rung = policy.min_interval
        if logged < rung:
            return 0
        while rung * policy.reduction_factor <= logged:
            rung *= policy.reduction_factor
        return rung
    last = logged - logged % policy.interval
    return last if last >= max(policy.delay, 1) else 0


def broken_limit(policy: Policy, course: Course, interval: int, others: Sequence[Course]) -> float | None:
    """Return the limit for which a trial is too bad at an interval, given the other trials; None when it goes on.

    Bandit, median stopping and truncation selection are as Azure describes them; ASHA is as in Li et al., A System for
    Massively Parallel Hyperparameter Tuning, 2020, where a trial that is not promoted ends.
    """
    own = course.best(interval)
    match policy.rule:
        case Rule.BANDIT:
            limit = _bandit_limit(policy, max((each.best(interval) for each in others), default=-math.inf))
        case Rule.MEDIAN_STOPPING:
            limit = _median_limit(course, interval, others)
        case Rule.TRUNCATION_SELECTION:
            limit = _truncation_limit(policy, own, interval, others)
        case Rule.ASHA:
            limit = _rung_limit(policy, own, interval, others)
    return limit if own < limit else None


def _bandit_limit(policy: Policy, best: float) -> float:
    if not math.isfinite(best):
        return -math.inf
    if policy.slack_amount:
        return best - policy.slack_amount
    # Azure's rule for values of the usual sign: max / (1 + f) or, turned here, min * (1 + f). Elsewhere the same
    # distances, to the other side.
    share = policy.slack_factor / (1 + policy.slack_factor) if best > 0 else policy.slack_factor
    return best - abs(best) * share


def _median_limit(course: Course, interval: int, others: Sequence[Course]) -> float:
    """Those count that have come as far, itself included."""
    there = [each for each in others if len(each.values) >= interval]
    return median(each.average(interval) for each in (*there, course)) if there else -math.inf


def _truncation_limit(policy: Policy, own: float, interval: int, others: Sequence[Course]) -> float:
    counted = [
        each.best(interval)
        for each in others
        if (len(each.values) >= interval and not each.ended)
        or (each.ended and each.values and not policy.exclude_finished)
    ]
    ordered = sorted([*counted, own])
    # The first that stays: all that are worse are among the worst.
    return ordered[len(ordered) * policy.percentage // 100]


def _rung_limit(policy: Policy, own: float, interval: int, others: Sequence[Course]) -> float:
    there = [each.best(interval) for each in others if len(each.values) >= interval]
    ordered = sorted([*there, own], reverse=True)
    return ordered[max(len(ordered) // policy.reduction_factor, 1) - 1]
