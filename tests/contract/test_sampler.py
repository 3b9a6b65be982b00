"""One suite over all samplers: what they choose is of the space, and the same again; those that learn do so."""

import math
from typing import Any

import pytest

from orris_runs.sweeps.sampling import LEARNING, Known, Method, sampler_of
from orris_runs.sweeps.space import Choice, Condition, Normal, Parameter, Randint, Range, point_of

GRID = (
    Parameter("kernel", Choice(("linear", "rbf", "poly"))),
    Parameter("degree", Choice((2, 3)), Condition("kernel", ("poly",))),
    Parameter("flag", Choice((True, False))),
)
BOUNDED = (
    *GRID,
    Parameter("count", Randint(10)),
    Parameter("rate", Range(-5, 0, logarithmic=True)),
    Parameter("share", Range(0, 1, 0.25)),
)
UNBOUNDED = (*BOUNDED, Parameter("shift", Normal(0, 2)), Parameter("scale", Normal(0, 1, 0.5, logarithmic=True)))
SPACES = {Method.GRID: GRID, Method.RANDOM: UNBOUNDED, Method.SOBOL: UNBOUNDED}
METHODS = list(Method)


def space_of(method: Method) -> Any:
    return SPACES.get(method, BOUNDED)


def followed(method: Method, count: int, seed: int = 7, known: tuple[Known, ...] = ()) -> list[dict[str, Any]]:
    """Choose, and tell what came of it; a new sampler each time, as after a restart."""
    history = list(known)
    for number in range(count):
        values = sampler_of(method, space_of(method), seed).choose(number, history)
        if values is None:
            break
        history.append(Known(values, score=-float(len(str(values["kernel"]))), ended=True))
    return [dict(each.values) for each in history[len(known) :]]


@pytest.mark.parametrize("method", METHODS)
def test_what_is_chosen_is_of_the_space(method: Method) -> None:
    for values in followed(method, 15):
        assert point_of(space_of(method), values) is not None, values
        assert ("degree" in values) == (values["kernel"] == "poly")


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_and_history_choose_the_same_whoever_was_restarted(method: Method) -> None:
    first = followed(method, 15)
    lasting = sampler_of(method, space_of(method), 7)
    history: list[Known] = []
    for expected in first:
        values = lasting.choose(len(history), history)
        assert values == expected
        history.append(Known(expected, score=-float(len(str(expected["kernel"]))), ended=True))


@pytest.mark.parametrize("method", [each for each in METHODS if each is not Method.GRID])
def test_another_seed_chooses_otherwise(method: Method) -> None:
    assert followed(method, 6, seed=1) != followed(method, 6, seed=2)


@pytest.mark.parametrize("method", METHODS)
def test_what_goes_on_failed_or_is_of_another_space_does_no_harm(method: Method) -> None:
    strange = (Known({"other": 1}, 3.0, True), Known({"kernel": "none"}, 1.0, True))
    failed = tuple(Known(values, None, True) for values in followed(method, 4))
    going_on = tuple(Known(values) for values in followed(method, 12))
    for values in followed(method, 10, known=(*strange, *failed, *going_on)):
        assert point_of(space_of(method), values) is not None


def test_a_grid_has_all_combinations_once() -> None:
    assert len(followed(Method.GRID, 100)) == len({str(each) for each in followed(Method.GRID, 100)}) == 8


def test_sobol_spreads_more_evenly_than_chance() -> None:
    space = (Parameter("x", Range(0, 1)),)

    def gap(method: Method) -> float:
        chosen = [sampler_of(method, space, 3).choose(each, []) or {} for each in range(32)]
        numbers = sorted(float(each["x"]) for each in chosen)
        return max(b - a for a, b in zip([0.0, *numbers], [*numbers, 1.0], strict=True))

    assert gap(Method.SOBOL) < gap(Method.RANDOM)


@pytest.mark.parametrize("method", sorted(LEARNING))
def test_those_that_learn_come_closer_to_the_best_than_chance(method: Method) -> None:
    """A bowl with its bottom at (0.3, 2): the better half of what they choose after the start is nearer to it."""
    space = (Parameter("x", Range(0, 1)), Parameter("y", Range(0, 10)))

    def best(method: Method, seed: int) -> float:
        history: list[Known] = []
        for number in range(22):
            values = sampler_of(method, space, seed).choose(number, history)
            assert values is not None
            x, y = float(values["x"]), float(values["y"])
            history.append(Known(values, -((x - 0.3) ** 2) - (y / 10 - 0.2) ** 2, True))
        scores = sorted((each.score or 0 for each in history[11:]), reverse=True)
        return math.fsum(scores[:6])

    assert best(method, 0) > best(Method.RANDOM, 0)
