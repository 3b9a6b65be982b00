"""What a sweep searches: hyperparameters, the values that each may have, and which trials have which.

Every distribution is seen through the interval from 0 to 1: `at` is its quantile function, so whoever chooses points of
the unit cube, by chance or cleverly, has chosen hyperparameters.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import NormalDist

Value = float | int | bool | str
Values = Mapping[str, Value]

# exp of more is no number any more.
LARGEST_LOGARITHM = 700.0
# The normal distribution has no value at 0 and 1.
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[Value, ...]

    def at(self, share: float) -> Value:
        """Return the value below which that share of all values lies."""
        return self.values[min(int(share * len(self.values)), len(self.values) - 1)]

    def share(self, value: Value) -> float | None:
        """Return a share whose value this is; None when it is none of these."""
        found = index_of(value, self.values)
        return None if found is None else (found + 0.5) / len(self.values)


@dataclass(frozen=True, slots=True)
class Randint:
    """A whole number from 0 to `upper` - 1."""

    upper: int

    def at(self, share: float) -> Value:
        """Return the value below which that share of all values lies."""
        return min(int(share * self.upper), self.upper - 1)

    def share(self, value: Value) -> float | None:
        """Return a share whose value this is; None when it is none of these."""
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < self.upper
        return (value + 0.5) / self.upper if fits else None  # type: ignore[operator]  # an int


@dataclass(frozen=True, slots=True)
class Range:
    """A number between bounds; if `logarithmic`, exp of one. Rounded to multiples of `quantum` unless that is 0."""

    minimum: float
    maximum: float
    quantum: float = 0.0
    logarithmic: bool = False

    def at(self, share: float) -> Value:
        """Return the value below which that share of all values lies."""
        return self._number_at(share)

    def _number_at(self, share: float) -> float:
        number = self.minimum + share * (self.maximum - self.minimum)
        return _rounded(math.exp(number) if self.logarithmic else number, self.quantum)

    def share(self, value: Value) -> float | None:
        """Return a share whose value this is; None when it lies outside of the bounds."""
        if isinstance(value, str | bool) or not math.isfinite(value):
            return None
        if not self._number_at(0) <= value <= self._number_at(1):
            return None
        number = math.log(max(value, math.exp(self.minimum))) if self.logarithmic else value
        width = self.maximum - self.minimum
        return min(1.0, max(0.0, (number - self.minimum) / width)) if width else 0.5


@dataclass(frozen=True, slots=True)
class Normal:
    """A normally distributed number; if `logarithmic`, exp of one. Rounded to multiples of `quantum` unless 0."""

    mean: float
    deviation: float
    quantum: float = 0.0
    logarithmic: bool = False

    def at(self, share: float) -> Value:
        """Return the value below which that share of all values lies."""
        number = NormalDist(self.mean, self.deviation).inv_cdf(min(max(share, _LEAST), 1 - _LEAST))
        return _rounded(math.exp(min(number, LARGEST_LOGARITHM)) if self.logarithmic else number, self.quantum)

    def share(self, value: Value) -> float | None:
        """Return a share whose value this is; None when it has none."""
        if isinstance(value, str | bool):
            return None
        if self.logarithmic and value <= 0:
            return 0.0 if self.quantum and value == 0 else None  # small ones are rounded to 0
        return NormalDist(self.mean, self.deviation).cdf(math.log(value) if self.logarithmic else value)


Distribution = Choice | Randint | Range | Normal


@dataclass(frozen=True, slots=True)
class Condition:
    """Another hyperparameter, a choice, and the values of it with which one is there."""

    parameter: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A hyperparameter."""

    name: str
    distribution: Distribution
    condition: Condition | None = None

    def is_there(self, values: Values) -> bool:
        """Tell whether a trial has it whose hyperparameters named before it have these values."""
        if self.condition is None:
            return True
        value = values.get(self.condition.parameter)
        return value is not None and index_of(value, self.condition.values) is not None


Space = Sequence[Parameter]


def index_of(value: Value, values: Sequence[Value]) -> int | None:
    """Return where a value is among others; 1, 1.0 and True are not the same."""
    return next((at for at, each in enumerate(values) if type(each) is type(value) and each == value), None)


def values_at(space: Space, point: Sequence[float]) -> dict[str, Value]:
    """Return the hyperparameters at a point of the unit cube, which has a coordinate for each parameter."""
    values: dict[str, Value] = {}
    for parameter, share in zip(space, point, strict=True):
        if parameter.is_there(values):
            values[parameter.name] = parameter.distribution.at(share)
    return values


def point_of(space: Space, values: Values) -> list[float | None] | None:
    """Return where hyperparameters are in the unit cube, None for one that is not there; None if they do not fit."""
    point: list[float | None] = []
    for parameter in space:
        if not parameter.is_there(values):
            point.append(None)
            continue
        if parameter.name not in values:
            return None
        share = parameter.distribution.share(values[parameter.name])
        if share is None:
            return None
        point.append(share)
    return point


def combinations(space: Space) -> Iterator[dict[str, Value]]:
    """Yield all combinations of choices, the last hyperparameter changing fastest."""

    def below(number: int, values: dict[str, Value]) -> Iterator[dict[str, Value]]:
        if number == len(space):
            yield values
            return
        parameter = space[number]
        if not parameter.is_there(values):
            yield from below(number + 1, values)
            return
        assert isinstance(parameter.distribution, Choice)
        for value in parameter.distribution.values:
            yield from below(number + 1, {**values, parameter.name: value})

    return below(0, {})


def count_combinations(space: Space, most: int) -> int:
    """Return how many combinations there are, `most` where there are more."""
    return sum(1 for _ in islice(combinations(space), most))


def values_text(values: Values) -> str:
    """Return hyperparameters for people."""
    return " ".join(
        f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )


def _rounded(number: float, quantum: float) -> float:
    # Fifteen digits: 3 * 0.1 is 0.3.
    return float(f"{round(number / quantum) * quantum:.15g}") if quantum else number
