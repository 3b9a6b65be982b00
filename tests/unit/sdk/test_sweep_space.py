"""Spaces of hyperparameters: arrays and numbers of numpy are what they look like, and what is none of these is told."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from typing import Any

import numpy
import pytest

from orris.errors import InvalidArgument
from orris.runs.v1 import sweeps_pb2
from orris.sdk.sweep_space import Expression, choice, normal, parameters, quniform, randint, uniform, values_of

# Its types are not those that the functions ask for.
np: Any = numpy


def parameter(expression: Expression) -> sweeps_pb2.SweepParameter:
    (message,) = parameters({"x": expression})
    return message


def chosen(expression: Expression) -> list[Any]:
    return [values_of({"x": value})["x"] for value in parameter(expression).choice.values]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((np.arange(3),), [0, 1, 2]),
        ((np.array(["linear", "rbf"]),), ["linear", "rbf"]),
        ((np.array([True, False]),), [True, False]),
        ((np.linspace(0, 1, 3),), [0.0, 0.5, 1.0]),
        (([np.int64(1), np.float64(2.5), np.bool_(True), np.str_("a")],), [1, 2.5, True, "a"]),
        ((np.float32(0.5), 2), [0.5, 2]),
        ((np.array(5),), [5]),
        ((np.int64(5),), [5]),
        ((np.longdouble(0.5), Fraction(1, 4)), [0.5, 0.25]),
        ((range(2),), [0, 1]),
    ],
)
def test_a_choice_of_numpys_values_is_one_of_pythons(options: tuple[Any, ...], expected: list[Any]) -> None:
    found = chosen(choice(*options))
    assert found == expected
    assert [type(each) for each in found] == [type(each) for each in expected]


def test_bounds_may_be_numpys_numbers() -> None:
    assert parameter(randint(np.int64(5))).randint.upper == 5
    assert parameter(uniform(np.float32(0.5), np.int16(2))).uniform == sweeps_pb2.SweepRange(minimum=0.5, maximum=2)
    given = parameter(quniform(np.array(0), np.half(0.5), np.float64(0.25))).uniform
    assert given == sweeps_pb2.SweepRange(minimum=0, maximum=0.5, quantum=0.25)
    conditional = choice(1).when("y", np.int64(3))
    assert parameter(conditional).condition.values[0].integer == 3


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (choice(np.arange(3), 5), r"a value is .* not array"),
        (choice(np.zeros((2, 2))), r"a value is .* not \[0.0, 0.0\]"),
        (choice(np.float64), "a value is a finite number"),
        (choice(np.complex128(1j)), "a value is a finite number"),
        (choice(np.datetime64("2026-01-01")), "a value is a finite number"),
        (choice(np.float64("nan")), "a value is a finite number"),
        (choice(2**63), "whole within 64 bits"),
        (uniform(np.array([1, 2]), 3), "uniform takes 2 numbers"),
        (uniform(np.bool_(True), 3), "uniform takes 2 numbers"),
        (uniform(True, 3), "uniform takes 2 numbers"),
        (uniform(0, float("inf")), "uniform takes 2 numbers"),
        (uniform(0, 10**400), "uniform takes 2 numbers"),
        (normal(np.nan, 1), "normal takes 2 numbers"),
        (randint(np.float64(5)), "upper is a whole number"),
        (randint(np.array([5])), "upper is a whole number"),
        (randint(np.bool_(True)), "upper is a whole number"),
    ],
)
def test_what_is_neither_a_number_nor_an_array_of_values_is_refused_by_its_name(
    expression: Expression, words: str
) -> None:
    with pytest.raises(InvalidArgument, match=f"'x': .*{words}"):
        parameter(expression)


def test_a_space_is_by_name() -> None:
    with pytest.raises(InvalidArgument, match="hyperparameters by name are expected"):
        parameters([choice(1)])  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="a name is a text"):
        parameters({1: choice(1)})  # type: ignore[dict-item]


def test_nobody_needs_numpy_to_describe_a_sweep() -> None:
    program = (
        "import sys; from orris.sdk.sweep_space import *; parameters({'x': choice([1])}); print('numpy' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"
