"""What the agent says of the run's end: the file `deadline`, replaced with every renewal, and the file `cancel`."""

import os
import time

from orris_agent.supervisor.system import LINUX

CLOCK = getattr(time, "CLOCK_BOOTTIME", 7) if LINUX else time.CLOCK_MONOTONIC  # the name is new in Python 3.7
LOOK_SECONDS = 1.0  # how often the deadline is read


class Lease:
    """The lease of the run whose agent writes into `control`."""

    def __init__(self, control: str) -> None:
        self._file = os.path.join(control, "deadline")
        self._cancel = os.path.join(control, "cancel")
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

    def is_canceled(self) -> bool:
        """Say whether the agent has canceled the run."""
        return os.path.exists(self._cancel)
