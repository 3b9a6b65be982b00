"""What a sweep searches: every distribution stays within its values, and knows where a value came from."""

import math
from statistics import fmean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris_runs.sweeps.plan import arguments_with
from orris_runs.sweeps.space import (
    Choice,
    Condition,
    Normal,
    Parameter,
    Randint,
    Range,
    combinations,
    count_combinations,
    index_of,
    point_of,
    values_at,
)

SHARES = st.floats(0, 1)
KERNEL = Parameter("kernel", Choice(("linear", "rbf", "poly")))
DEGREE = Parameter("degree", Choice((2, 3)), Condition("kernel", ("poly",)))


@given(SHARES)
def test_values_stay_within_their_bounds(share: float) -> None:
    assert Choice((1, 2, 3)).at(share) in (1, 2, 3)
    assert Randint(5).at(share) in range(5)
    assert 1 <= Range(1, 2).at(share) <= 2  # type: ignore[operator]
    assert Range(0, 1, 0.1).at(share) in [round(each / 10, 1) for each in range(11)]
    assert math.exp(-3) <= Range(-3, 1, logarithmic=True).at(share) <= math.exp(1)  # type: ignore[operator]
    assert math.isfinite(Normal(0, 1).at(share))  # type: ignore[arg-type]
    assert Normal(700, 100, logarithmic=True).at(share) < math.inf  # type: ignore[operator]


@given(SHARES)
def test_a_value_has_a_share_whose_value_it_is(share: float) -> None:
    for distribution in (
        Choice(("a", 1, 1.0, True)),
        Randint(9),
        Range(-2, 7),
        Range(-2, 7, 0.5),
        Range(-2, 3, logarithmic=True),
        Normal(1, 3),
    ):
        value = distribution.at(share)
        again = distribution.share(value)
        assert again is not None
        assert distribution.at(again) == pytest.approx(value)


@pytest.mark.parametrize(
    ("distribution", "value"),
    [
        (Choice((1, 2)), 1.0),
        (Choice((1, 2)), True),
        (Randint(3), 3),
        (Range(0, 1), 1.5),
        (Range(0, 1), "x"),
        (Range(0, 1), math.nan),
    ],
)
def test_what_is_no_value_has_no_share(distribution: Any, value: Any) -> None:
    assert distribution.share(value) is None


def test_distributions_have_the_means_that_azure_documents() -> None:
    shares = [(number + 0.5) / 10_000 for number in range(10_000)]

    def mean(distribution: Any) -> float:
        return fmean(distribution.at(share) for share in shares)

    assert mean(Range(2, 4)) == pytest.approx(3)
    assert mean(Range(0, 10, 5)) == pytest.approx(5)
    assert mean(Range(0, 1, logarithmic=True)) == pytest.approx(math.e - 1, rel=1e-3)
    assert mean(Normal(3, 2)) == pytest.approx(3, abs=1e-3)
    assert mean(Normal(0, 1, logarithmic=True)) == pytest.approx(math.exp(0.5), rel=2e-2)
    assert mean(Randint(4)) == pytest.approx(1.5)


def test_only_trials_have_a_conditional_parameter_whose_condition_holds() -> None:
    space = (KERNEL, DEGREE)
    assert values_at(space, [0.0, 0.0]) == {"kernel": "linear"}
    assert values_at(space, [0.99, 0.99]) == {"kernel": "poly", "degree": 3}
    assert list(combinations(space)) == [
        {"kernel": "linear"},
        {"kernel": "rbf"},
        {"kernel": "poly", "degree": 2},
        {"kernel": "poly", "degree": 3},
    ]
    assert point_of(space, {"kernel": "linear"}) == [pytest.approx(1 / 6), None]
    assert point_of(space, {"kernel": "poly"}) is None, "a degree is missing"
    assert point_of(space, {"kernel": "sigmoid"}) is None


def test_combinations_are_counted_without_being_made() -> None:
    """A grid of 10^20 points is one of a thousand."""
    space = [Parameter(f"p{number}", Choice(tuple(range(10)))) for number in range(20)]
    assert count_combinations(space, 1000) == 1000


def test_equal_values_of_other_types_are_others() -> None:
    assert index_of(1, (True, 1.0, 1)) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["--C", "0.5", "--kernel", "rbf"]),
        (["data", "--kernel", "linear"], ["data", "--C", "0.5", "--kernel", "rbf"]),
        (["--kernel=linear", "x"], ["x", "--C", "0.5", "--kernel", "rbf"]),
        (["--kernel", "--verbose"], ["--verbose", "--C", "0.5", "--kernel", "rbf"]),
        (["--kernels", "all"], ["--kernels", "all", "--C", "0.5", "--kernel", "rbf"]),
    ],
)
def test_hyperparameters_take_the_place_of_arguments_of_their_names(arguments: list[str], expected: list[str]) -> None:
    assert arguments_with(arguments, {"C": 0.5, "kernel": "rbf"}) == expected


def test_a_name_with_dashes_is_the_option_as_it_is() -> None:
    assert arguments_with([], {"--C": 1, "-k": "rbf"}) == ["--C", "1", "-k", "rbf"]
