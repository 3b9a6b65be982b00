"""Hyperparameters at random."""

import random
from collections.abc import Sequence

from orris_runs.sweeps.sampling import Known
from orris_runs.sweeps.space import Space, Values, values_at


class Chance:
    """Draws each hyperparameter from its distribution."""

    def __init__(self, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`."""
        numbers = random.Random(f"{self._seed}/{number}")
        return values_at(self._space, [numbers.random() for _ in self._space])
