"""Policies end the trials that Azure says they end, and no others."""

import math

import pytest

from orris_runs.sweeps.policies import Course, Policy, Rule, broken_limit, interval_to_judge

BANDIT = Policy(Rule.BANDIT, slack_factor=0.2)
MEDIAN = Policy(Rule.MEDIAN_STOPPING)


def course(number: int, *values: float, ended: bool = False) -> Course:
    return Course(number, values, ended)


@pytest.mark.parametrize(
    ("policy", "logged", "expected"),
    [
        (Policy(Rule.BANDIT, interval=1), 0, 0),
        (Policy(Rule.BANDIT, interval=1), 3, 3),
        (Policy(Rule.BANDIT, interval=2, delay=5), 5, 0),
        (Policy(Rule.BANDIT, interval=2, delay=5), 7, 6),
        (Policy(Rule.ASHA, min_interval=2, reduction_factor=3), 1, 0),
        (Policy(Rule.ASHA, min_interval=2, reduction_factor=3), 5, 2),
        (Policy(Rule.ASHA, min_interval=2, reduction_factor=3), 20, 18),
    ],
)
def test_a_trial_is_judged_at_multiples_behind_the_delay_or_at_rungs(
    policy: Policy, logged: int, expected: int
) -> None:
    assert interval_to_judge(policy, logged) == expected


def test_bandit_is_azures_example() -> None:
    """Best 0.8, slack factor 0.2: what is below 0.66 at that interval ends."""
    best = course(0, 0.5, 0.8)
    assert broken_limit(BANDIT, course(1, 0.6, 0.65), 2, [best]) == pytest.approx(0.8 / 1.2)
    assert broken_limit(BANDIT, course(1, 0.7, 0.1), 2, [best]) is None, "its own best counts"
    assert broken_limit(BANDIT, course(1, 0.6), 1, [best]) is None, "what the best had by then counts"


def test_bandit_minimizes_and_takes_negative_values() -> None:
    """Turned: a loss of 1.0 is -1.0. Allowed is up to 1.2."""
    assert broken_limit(BANDIT, course(1, -1.1), 1, [course(0, -1.0)]) is None
    assert broken_limit(BANDIT, course(1, -1.3), 1, [course(0, -1.0)]) == pytest.approx(-1.2)
    amount = Policy(Rule.BANDIT, slack_amount=0.1)
    assert broken_limit(amount, course(1, 0.6), 1, [course(0, 0.75)]) == pytest.approx(0.65)


def test_bandit_never_ends_the_best() -> None:
    for value in (-3.0, 0.0, 3.0, math.inf, -math.inf):
        assert broken_limit(BANDIT, course(0, value), 1, [course(1, value), course(2, min(value, 0))]) is None


def test_median_stopping_compares_with_averages_of_those_that_came_as_far() -> None:
    others = [course(0, 0.9, 0.9), course(1, 0.8, 0.8), course(2, 0.99)]
    assert broken_limit(MEDIAN, course(3, 0.1, 0.5), 2, others) == pytest.approx(0.8)
    assert broken_limit(MEDIAN, course(3, 0.1, 0.85), 2, others) is None
    assert broken_limit(MEDIAN, course(3, 0.1), 1, []) is None, "nothing to compare with"


def test_truncation_ends_the_worst_share_and_spares_equals() -> None:
    policy = Policy(Rule.TRUNCATION_SELECTION, percentage=50)
    others = [course(number, value) for number, value in enumerate((0.1, 0.5, 0.9))]
    assert broken_limit(policy, course(9, 0.2), 1, others) == 0.5
    assert broken_limit(policy, course(9, 0.6), 1, others) is None
    assert broken_limit(policy, course(9, 0.5), 1, [course(0, 0.5), course(1, 0.5)]) is None


def test_truncation_counts_the_finished_unless_told_otherwise() -> None:
    finished = [course(0, 0.9, ended=True), course(1, 0.8, ended=True)]
    policy = Policy(Rule.TRUNCATION_SELECTION, percentage=50)
    assert broken_limit(policy, course(2, 0.1), 1, finished) == 0.8
    excluding = Policy(Rule.TRUNCATION_SELECTION, percentage=50, exclude_finished=True)
    assert broken_limit(excluding, course(2, 0.1), 1, finished) is None


def test_asha_lets_one_of_so_many_go_on_at_a_rung() -> None:
    policy = Policy(Rule.ASHA, reduction_factor=2)
    others = [course(number, value) for number, value in enumerate((0.1, 0.5, 0.9))]
    assert broken_limit(policy, course(9, 0.4), 1, others) == 0.5
    assert broken_limit(policy, course(9, 0.6), 1, others) is None
    assert broken_limit(policy, course(9, 0.1), 1, []) is None, "the first is the best"


def test_nan_is_an_interval_and_no_value() -> None:
    assert broken_limit(BANDIT, course(1, math.nan), 1, [course(0, 0.8)]) == pytest.approx(0.8 / 1.2)
    assert broken_limit(BANDIT, course(1, 0.8), 1, [course(0, math.nan)]) is None
