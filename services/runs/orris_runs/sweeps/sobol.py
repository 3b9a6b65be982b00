"""Hyperparameters by Sobol's sequence, scrambled (SciPy's `qmc.Sobol`): at random, but evenly spread."""

from collections.abc import Sequence

from scipy.stats import qmc

from orris_runs.sweeps.sampling import Known
from orris_runs.sweeps.space import Space, Values, values_at


class Sobol:
    """Takes the points of the sequence one after the other."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`."""
        sequence = qmc.Sobol(len(self._space), scramble=True, rng=self._seed)
        if number:
            sequence.fast_forward(number)
        return values_at(self._space, [float(share) for share in sequence.random(1)[0]])
