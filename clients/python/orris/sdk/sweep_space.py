"""The values that hyperparameters may have, under Azure's names.

{"kernel": choice("linear", "rbf"), "penalty": loguniform(-3, 1), "degree": choice(2, 3).when("kernel", "poly")}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2, sweeps_pb2

Value = float | int | bool | str


@dataclass(frozen=True)
class Expression:
    """A distribution, by name and arguments; `condition`: the other hyperparameter and its values that `when` says."""

    name: str
    arguments: tuple[Any, ...]
    condition: tuple[str, tuple[Value, ...]] | None = None

    def when(self, parameter: str, *values: Value) -> Expression:
        """Return it for trials only whose other hyperparameter, a choice named before, has one of these values."""
        return replace(self, condition=(parameter, values))


def choice(*options: Any) -> Expression:
    """Return one of some values, given one by one, as a list or as a range."""
    single = options[0] if len(options) == 1 else None
    return Expression("choice", tuple(single if isinstance(single, list | tuple | range) else options))


def randint(upper: int) -> Expression:
    """Return a whole number from 0 to `upper` - 1."""
    return Expression("randint", (upper,))


def uniform(min_value: float, max_value: float) -> Expression:
    """Return a number between two others."""
    return Expression("uniform", (min_value, max_value))


def quniform(min_value: float, max_value: float, q: float) -> Expression:
    """Return round(uniform(min_value, max_value) / q) * q."""
    return Expression("quniform", (min_value, max_value, q))


def loguniform(min_value: float, max_value: float) -> Expression:
    """Return exp(uniform(min_value, max_value)): the bounds are logarithms."""
    return Expression("loguniform", (min_value, max_value))


def qloguniform(min_value: float, max_value: float, q: float) -> Expression:
    """Return round(exp(uniform(min_value, max_value)) / q) * q."""
    return Expression("qloguniform", (min_value, max_value, q))


def normal(mu: float, sigma: float) -> Expression:
    """Return a normally distributed number of mean mu and standard deviation sigma."""
    return Expression("normal", (mu, sigma))


def qnormal(mu: float, sigma: float, q: float) -> Expression:
    """Return round(normal(mu, sigma) / q) * q."""
    return Expression("qnormal", (mu, sigma, q))


def lognormal(mu: float, sigma: float) -> Expression:
    """Return exp(normal(mu, sigma))."""
    return Expression("lognormal", (mu, sigma))


def qlognormal(mu: float, sigma: float, q: float) -> Expression:
    """Return round(exp(normal(mu, sigma)) / q) * q."""
    return Expression("qlognormal", (mu, sigma, q))


EXPRESSIONS = {
    each.__name__: each
    for each in (
        choice,
        randint,
        uniform,
        quniform,
        loguniform,
        qloguniform,
        normal,
        qnormal,
        lognormal,
        qlognormal,
    )
}
# Of each but choice: what its arguments are called in errors.
_ARGUMENTS = {
    "randint": ("upper",),
    **dict.fromkeys(("uniform", "loguniform"), ("smallest", "largest")),
    **dict.fromkeys(("quniform", "qloguniform"), ("smallest", "largest", "q")),
    **dict.fromkeys(("normal", "lognormal"), ("mean", "deviation")),
    **dict.fromkeys(("qnormal", "qlognormal"), ("mean", "deviation", "q")),
}


def parameters(space: Mapping[str, Any]) -> list[sweeps_pb2.SweepParameter]:
    """Return the contract's form of a space. Raises InvalidArgument that names the hyperparameter."""
    return [_parameter(name, each) for name, each in space.items()]


def values_of(messages: Mapping[str, runs_pb2.MetricValue]) -> dict[str, Value]:
    """Return hyperparameters as Python's own."""
    return {name: getattr(messages[name], messages[name].WhichOneof("kind") or "text") for name in sorted(messages)}


def _parameter(name: str, expression: Any) -> sweeps_pb2.SweepParameter:
    if not isinstance(expression, Expression):
        raise _wrong(name, f"say which values it may have, for example choice(1, 2), not {expression!r:.100}")
    message = sweeps_pb2.SweepParameter(name=name)
    if expression.name == "choice":
        message.choice.values.extend(_value(name, each) for each in expression.arguments)
    elif expression.name == "randint":
        message.randint.upper = int(_numbers(name, expression, whole=True)[0])
    else:
        _set_numbers(message, name, expression)
    if expression.condition is not None:
        other, values = expression.condition
        message.condition.parameter = other
        message.condition.values.extend(_value(name, each) for each in values)
    return message


def _set_numbers(message: sweeps_pb2.SweepParameter, name: str, expression: Expression) -> None:
    first, second, *rest = _numbers(name, expression)
    quantum = rest[0] if rest else 0.0
    if rest and not quantum > 0:
        raise _wrong(name, f"q is a number over 0, not {quantum!r}")
    plain = expression.name.removeprefix("q")
    if plain in ("uniform", "loguniform"):
        bounds = sweeps_pb2.SweepRange(minimum=first, maximum=second, quantum=quantum)
        getattr(message, plain).CopyFrom(bounds)
    else:
        bell = sweeps_pb2.SweepNormal(mean=first, deviation=second, quantum=quantum)
        getattr(message, plain).CopyFrom(bell)


def _numbers(name: str, expression: Expression, *, whole: bool = False) -> list[float]:
    expected = _ARGUMENTS[expression.name]
    wanted = int if whole else int | float
    given = expression.arguments
    if len(given) != len(expected) or any(isinstance(each, bool) or not isinstance(each, wanted) for each in given):
        raise _wrong(
            name, f"{expression.name} takes {len(expected)} numbers ({', '.join(expected)}), not {given!r:.100}"
        )
    if whole and not 0 < given[0] < 2**63:
        raise _wrong(name, f"upper is a whole number over 0, not {given[0]}")
    return [each if whole else float(each) for each in given]


def _value(name: str, value: Any) -> runs_pb2.MetricValue:
    if hasattr(value, "item") and not isinstance(value, str):  # one of numpy's
        value = value.item()
    if isinstance(value, bool):
        return runs_pb2.MetricValue(boolean=value)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return runs_pb2.MetricValue(integer=value)
    if isinstance(value, float):
        return runs_pb2.MetricValue(number=value)
    if isinstance(value, str):
        return runs_pb2.MetricValue(text=value)
    raise _wrong(name, f"a value is a number, a truth value or a text, not {value!r:.100}")


def _wrong(name: str, what: str) -> InvalidArgument:
    return InvalidArgument(f"parameters: {name!r}: {what}", field="parameters")
