"""How hyperparameters are chosen, under Azure's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azureml.exceptions import UserErrorException
from orris.sdk.given_values import shown
from orris.sdk.sweep_space import (
    Expression,
    choice,
    lognormal,
    loguniform,
    normal,
    qlognormal,
    qloguniform,
    qnormal,
    quniform,
    randint,
    uniform,
)

__all__ = [
    "choice",
    "lognormal",
    "loguniform",
    "normal",
    "qlognormal",
    "qloguniform",
    "qnormal",
    "quniform",
    "randint",
    "uniform",
]


class HyperParameterSampling:
    """A space, `parameter_space` (expressions by name), and how it is searched. Raises HyperDriveConfigException."""

    _method = ""
    # Of all expressions those that it takes; empty: all.
    _takes = ""

    def __init__(self, parameter_space: Mapping[str, Any], properties: Mapping[str, Any] | None = None) -> None:
        for name, expression in dict(parameter_space).items():
            if not isinstance(expression, Expression):
                raise UserErrorException(f"{name}: give an expression, for example choice(1, 2), not {expression!r}")
            if self._takes and expression.name not in self._takes.split():
                takes = " or ".join(self._takes.split())
                raise UserErrorException(f"{name}: {type(self).__name__} takes {takes}, not {expression.name}")
        self._parameter_space = dict(parameter_space)
        self._properties = dict(properties or {})

    @property
    def method(self) -> str:
        """Orris's name of it."""
        rule = str(self._properties.get("rule", "")).lower()
        return "sobol" if self._method == "random" and rule == "sobol" else self._method

    @property
    def seed(self) -> int | None:
        """The seed among the properties. Raises UserErrorException unless it is a whole number."""
        seed = self._properties.get("seed")
        try:
            return None if seed is None else int(seed)
        except (TypeError, ValueError, OverflowError):
            raise UserErrorException(f"properties: seed is a whole number, not {shown(seed)}") from None


class RandomParameterSampling(HyperParameterSampling):
    """Draws at random; the properties `seed`, and `rule`: "sobol" for a sequence that is evenly spread."""

    _method = "random"


class GridParameterSampling(HyperParameterSampling):
    """Tries all combinations of choices."""

    _method = "grid"
    _takes = "choice"


class BayesianParameterSampling(HyperParameterSampling):
    """Chooses by what the runs before came to. Takes more than Azure's: all expressions with bounds, and policies."""

    _method = "tpe"
    _takes = "choice randint uniform quniform loguniform qloguniform"
