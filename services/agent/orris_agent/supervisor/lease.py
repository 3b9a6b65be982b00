"""The end of the run's lease: the file `deadline`, which the agent replaces with every renewal."""

import os
import time

from orris_agent.supervisor.system import LINUX

CLOCK = getattr(time, "CLOCK_BOOTTIME", 7) if LINUX else time.CLOCK_MONOTONIC  # the name is new in Python 3.7
LOOK_SECONDS = 1.0  # how often the deadline is read


class Lease:
    """The lease of the run in `folder`."""

    def __init__(self, folder: str) -> None:
        self._file = os.path.join(folder, "deadline")
        self._end = None  # type: float | None  # seconds of CLOCK

    def seconds_left(self) -> float:
        """Return how long the lease lasts by what the file says now; infinity without one."""
        try:
            with open(self._file) as file:
                end = float(file.read())
            self._end = end if end == end else self._end
        except FileNotFoundError:
            self._end = None
        except (OSError, ValueError):
            pass  # what cannot be read changes nothing: the last deadline holds
        return float("inf") if self._end is None else self._end - time.clock_gettime(CLOCK)
