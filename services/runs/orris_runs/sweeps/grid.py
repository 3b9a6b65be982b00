"""All combinations, in order."""

from collections.abc import Sequence
from itertools import islice

from orris_runs.sweeps.sampling import Known
from orris_runs.sweeps.space import Space, Values, combinations


class Grid:
    """Tries all combinations of choices."""

    def __init__(self, space: Space) -> None:
        self._space = space

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`; None behind the last combination."""
        return next(islice(combinations(self._space), number, None), None)
