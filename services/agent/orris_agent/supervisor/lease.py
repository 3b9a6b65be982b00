"""What the agent says of the run's end: `deadline`, replaced with every renewal, `sleeps_along`, and `cancel`."""

import os
import time

from orris_agent.supervisor.system import LINUX

CLOCK = getattr(time, "CLOCK_BOOTTIME", 7) if LINUX else time.CLOCK_MONOTONIC  # the name is new in Python 3.7
LOOK_SECONDS = 1.0  # how often the deadline is read
SLEEPS_ALONG = "sleeps_along"  # there where who gave the lease sleeps whenever this machine does


class Lease:
    """The lease of the run whose agent writes into `control`."""

    def __init__(self, control: str) -> None:
        self._file = os.path.join(control, "deadline")
        self._cancel = os.path.join(control, "cancel")
        self._end = None  # type: float | None  # seconds of CLOCK
        self._sleeps_along = os.path.exists(os.path.join(control, SLEEPS_ALONG))
        self._asleep = 0.0  # for how many seconds this machine had slept when the end was set

    def seconds_left(self) -> float:
        """Return how long the lease lasts by what the file says now; infinity without one."""
        try:
            with open(self._file) as file:
                end = float(file.read())
            if end == end and end != self._end:
                self._end, self._asleep = end, _asleep()
        except FileNotFoundError:
            self._end = None
        except (OSError, ValueError):
            pass  # what cannot be read changes nothing: the last deadline holds
        if self._end is None:
            return float("inf")
        slept = _asleep() - self._asleep if self._sleeps_along else 0.0
        return self._end - time.clock_gettime(CLOCK) + slept

    def is_canceled(self) -> bool:
        """Say whether the agent has canceled the run."""
        return os.path.exists(self._cancel)


def _asleep() -> float:
    """Return for how many seconds this machine has slept since its start."""
    return time.clock_gettime(CLOCK) - time.clock_gettime(time.CLOCK_MONOTONIC)
