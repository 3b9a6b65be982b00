"""How the hyperparameters of trials are chosen: the port, and which sampler is which method's."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from orris_runs.sweeps.space import Space, Values


class Method(IntEnum):
    """The ways; the numbers are the contract's."""

    GRID = 1
    RANDOM = 2
    SOBOL = 3
    TPE = 4
    GAUSSIAN_PROCESS = 5


# Those that learn, for which every hyperparameter needs bounds.
LEARNING = frozenset({Method.TPE, Method.GAUSSIAN_PROCESS})


@dataclass(frozen=True, slots=True)
class Known:
    """Hyperparameters that were tried, and the best value that came of it, the greater the better.

    None while there is none yet; if `ended`, there never will be.
    """

    values: Values
    score: float | None = None
    ended: bool = False


class Sampler(Protocol):
    """Chooses hyperparameters: the same for the same number, seed and history."""

    def choose(self, number: int, known: Sequence[Known]) -> Values | None:
        """Return the hyperparameters of trial `number`, from 0; None when there are no more."""
        ...


def sampler_of(method: Method, space: Space, seed: int) -> Sampler:
    """Return the sampler of a method. What it needs is imported here, not before."""
    match method:
        case Method.GRID:
            from orris_runs.sweeps.grid import Grid

            return Grid(space)
        case Method.RANDOM:
            from orris_runs.sweeps.chance import Chance

            return Chance(space, seed)
        case Method.SOBOL:
            from orris_runs.sweeps.sobol import Sobol

            return Sobol(space, seed)
        case Method.TPE:
            from orris_runs.sweeps.tpe import Tpe

            return Tpe(space, seed)
        case Method.GAUSSIAN_PROCESS:
            from orris_runs.sweeps.gaussian_process import GaussianProcess

            return GaussianProcess(space, seed)


def seed_of(seed: int, number: int) -> int:
    """Return a seed for one trial, of 32 bits."""
    return random.Random(f"{seed}/{number}").getrandbits(32)
