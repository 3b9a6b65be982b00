"""The values that hyperparameters may have, under Azure's names.

{"kernel": choice("linear", "rbf"), "penalty": loguniform(-3, 1), "degree": choice(2, 3).when("kernel", "poly")}
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2, sweeps_pb2
from orris.sdk.given_values import finite, plain, shown, text, whole
from orris.sdk.metric_values import INT64

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
    """Return one of some values, given one by one, as a list, as a range or as an array."""
    single = plain(options[0]) if len(options) == 1 else None
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
    if not isinstance(space, Mapping):
        raise InvalidArgument(
            f"parameters: hyperparameters by name are expected, not {shown(space)}", field="parameters"
        )
    return [_parameter(name, each) for name, each in space.items()]


def values_of(messages: Mapping[str, runs_pb2.MetricValue]) -> dict[str, Value]:
    """Return hyperparameters as Python's own."""
    return {name: getattr(messages[name], messages[name].WhichOneof("kind") or "text") for name in sorted(messages)}


def _parameter(name: Any, expression: Any) -> sweeps_pb2.SweepParameter:
    if text(name) is None:
        raise _wrong(name, "a name is a text")
    if not isinstance(expression, Expression):
        raise _wrong(name, f"say which values it may have, for example choice(1, 2), not {shown(expression)}")
    message = sweeps_pb2.SweepParameter(name=name)
    if expression.name == "choice":
        message.choice.values.extend(_value(name, each) for each in expression.arguments)
    elif expression.name == "randint":
        message.randint.upper = _upper(name, expression)
    else:
        _set_numbers(message, name, expression)
    if expression.condition is not None:
        other, values = expression.condition
        if text(other) is None:
            raise _wrong(name, f"its condition names another hyperparameter, not {shown(other)}")
        message.condition.parameter = other
        message.condition.values.extend(_value(name, each) for each in values)
    return message


def _set_numbers(message: sweeps_pb2.SweepParameter, name: str, expression: Expression) -> None:
    first, second, *rest = _numbers(name, expression)
    quantum = rest[0] if rest else 0.0
    if rest and not quantum > 0:
        raise _wrong(name, f"q is a number over 0, not {quantum!r}")
    family = expression.name.removeprefix("q")
    if family in ("uniform", "loguniform"):
        bounds = sweeps_pb2.SweepRange(minimum=first, maximum=second, quantum=quantum)
        getattr(message, family).CopyFrom(bounds)
    else:
        bell = sweeps_pb2.SweepNormal(mean=first, deviation=second, quantum=quantum)
        getattr(message, family).CopyFrom(bell)


def _upper(name: str, expression: Expression) -> int:
    (given,) = _given(name, expression)
    upper = whole(given)
    if upper is None or not 0 < upper < INT64.stop:
        raise _wrong(name, f"upper is a whole number over 0, and no larger than 2**63 - 1; not {shown(given)}")
    return upper


def _numbers(name: str, expression: Expression) -> list[float]:
    given = _given(name, expression)
    numbers = [number for each in given if (number := finite(each)) is not None]
    if len(numbers) != len(given):
        raise _unfit(name, expression)
    return numbers


def _given(name: str, expression: Expression) -> tuple[Any, ...]:
    if len(expression.arguments) != len(_ARGUMENTS[expression.name]):
        raise _unfit(name, expression)
    return expression.arguments


def _unfit(name: str, expression: Expression) -> InvalidArgument:
    expected = _ARGUMENTS[expression.name]
    wanted = f"{len(expected)} numbers" if len(expected) > 1 else "a whole number"
    return _wrong(name, f"{expression.name} takes {wanted} ({', '.join(expected)}), not {shown(expression.arguments)}")


def _value(name: str, given: Any) -> runs_pb2.MetricValue:
    value = plain(given)
    if isinstance(value, bool):
        return runs_pb2.MetricValue(boolean=value)
    if (integer := whole(value)) is not None and integer in INT64:
        return runs_pb2.MetricValue(integer=integer)
    if integer is None and (number := finite(value)) is not None:
        return runs_pb2.MetricValue(number=number)
    if (word := text(value)) is not None:
        return runs_pb2.MetricValue(text=word)
    what = "a finite number, if it is whole within 64 bits, a truth value or a text"
    raise _wrong(name, f"a value is {what}, not {shown(given)}")


def _wrong(name: Any, what: str) -> InvalidArgument:
    return InvalidArgument(f"parameters: {shown(name)}: {what}", field="parameters")
