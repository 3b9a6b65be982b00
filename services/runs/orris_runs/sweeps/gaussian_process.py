"""Hyperparameters by a Gaussian process (scikit-learn's) and its expected improvement.

Jones, Schonlau and Welch, Efficient Global Optimization of Expensive Black-Box Functions, 1998. Trials that go on are
taken to come to what the process expects of them, so no two are sent to the same place.
"""

import math
import random
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from orris_runs.sweeps.sampling import Known, seed_of
from orris_runs.sweeps.space import Choice, Space, Values, point_of, values_at

LEAST_STARTS = 8
CANDIDATES = 1000
NEIGHBOURS = 200
# What fitting costs grows with the cube of it.
REMEMBERED = 200

_Array = NDArray[np.float64]


class GaussianProcess:
    """Tries first at random, then where it expects most of what is not known yet."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`."""
        numbers = random.Random(seed_of(self._seed, number))
        scored = sorted(
            (each for each in self._fitting(known) if each[1] is not None), key=lambda each: -(each[1] or 0)
        )
        if len(scored) < max(LEAST_STARTS, 2 * len(self._space)):
            return values_at(self._space, [numbers.random() for _ in self._space])
        scored = scored[:REMEMBERED]
        candidates = self._candidates(scored[0][0], numbers)
        points = np.array([self._encoded(values) for values, _ in scored])
        scores = np.array([score for _, score in scored], dtype=float)
        pending = [self._encoded(values) for values, score in self._fitting(known) if score is None][:REMEMBERED]
        process = self._fitted(points, scores, np.array(pending), seed_of(self._seed, number))
        hoped = _expected_improvement(process, np.array([self._encoded(each) for each in candidates]), float(scores[0]))
        return candidates[int(np.argmax(hoped))]

    def _fitting(self, known: Sequence[Known]) -> list[tuple[Values, float | None]]:
        """Return what is known of places in this space, but for what came to nothing."""
        return [
            (each.values, each.score)
            for each in known
            if not (each.ended and each.score is None) and point_of(self._space, each.values) is not None
        ]

    def _candidates(self, best: Values, numbers: random.Random) -> list[Values]:
        anywhere = [values_at(self._space, [numbers.random() for _ in self._space]) for _ in range(CANDIDATES)]
        there = [numbers.random() if share is None else share for share in point_of(self._space, best) or ()]
        near = [
            values_at(self._space, [min(1.0, max(0.0, numbers.gauss(share, 0.1))) for share in there])
            for _ in range(NEIGHBOURS)
        ]
        return [*anywhere, *near]

    def _encoded(self, values: Values) -> list[float]:
        """Return hyperparameters as numbers: of a choice one for each value, of what is not there the middle."""
        encoded: list[float] = []
        for parameter, share in zip(self._space, point_of(self._space, values) or (), strict=True):
            if isinstance(parameter.distribution, Choice):
                count = len(parameter.distribution.values)
                chosen = -1 if share is None else int(share * count)
                encoded += [float(each == chosen) for each in range(count)]
            else:
                encoded.append(0.5 if share is None else share)
        return encoded

    def _fitted(self, points: _Array, scores: _Array, pending: _Array, seed: int) -> GaussianProcessRegressor:
        kernel = ConstantKernel() * Matern(np.ones(points.shape[1]), nu=2.5) + WhiteKernel(1e-3, (1e-6, 1.0))
        process = GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(points, scores)
            if len(pending):
                believed = np.concatenate([scores, process.predict(pending)])
                process = GaussianProcessRegressor(process.kernel_, optimizer=None, normalize_y=True)
                process.fit(np.concatenate([points, pending]), believed)
        return process


def _expected_improvement(process: GaussianProcessRegressor, points: _Array, best: float) -> _Array:
    expected, deviation = process.predict(points, return_std=True)
    deviation = np.maximum(deviation, math.sqrt(np.finfo(float).tiny))
    better = expected - best
    hoped: _Array = better * norm.cdf(better / deviation) + deviation * norm.pdf(better / deviation)
    return hoped
