"""Hyperparameters by tree-structured Parzen estimators (Optuna's `TPESampler`).

A study is made anew for each choice, from what is known: so nothing is lost with a process.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from orris_runs.sweeps.sampling import Known, seed_of
from orris_runs.sweeps.space import Choice, Parameter, Space, Value, Values, index_of, point_of

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Tpe:
    """Tries first at random, then where good trials are likelier than bad ones."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed
        self._distributions = {each.name: _distribution(each) for each in space}

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`."""
        with _quiet():
            # The liar takes what goes on for bad: so no two trials are sent to the same place.
            sampler = optuna.samplers.TPESampler(seed=seed_of(self._seed, number), constant_liar=True)
            study = optuna.create_study(direction="maximize", sampler=sampler)
            study.add_trials([trial for each in known if (trial := self._trial(each)) is not None])
            asked = study.ask()
            values: dict[str, Value] = {}
            for parameter in self._space:
                if parameter.is_there(values):
                    values[parameter.name] = self._suggest(asked, parameter)
            return values

    def _suggest(self, asked: optuna.Trial, parameter: Parameter) -> Value:
        distribution = parameter.distribution
        if isinstance(distribution, Choice):
            index: int = asked.suggest_categorical(parameter.name, range(len(distribution.values)))
            return distribution.values[index]
        return distribution.at(asked.suggest_float(parameter.name, 0, 1))

    def _trial(self, known: Known) -> FrozenTrial | None:
        """Return what is known as a trial of Optuna; None when it does not fit the space, or came to nothing."""
        point = point_of(self._space, known.values)
        if point is None or (known.ended and known.score is None):
            return None
        params: dict[str, Any] = {}
        for parameter, share in zip(self._space, point, strict=True):
            if share is not None:
                params[parameter.name] = _param(parameter, share, known.values)
        state = TrialState.RUNNING if known.score is None else TrialState.COMPLETE
        distributions = {name: self._distributions[name] for name in params}
        return create_trial(params=params, distributions=distributions, value=known.score, state=state)


def _distribution(parameter: Parameter) -> BaseDistribution:
    if isinstance(parameter.distribution, Choice):
        return CategoricalDistribution(range(len(parameter.distribution.values)))
    return FloatDistribution(0, 1)


def _param(parameter: Parameter, share: float, values: Values) -> Any:
    if isinstance(parameter.distribution, Choice):
        return index_of(values[parameter.name], parameter.distribution.values)
    return share


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
