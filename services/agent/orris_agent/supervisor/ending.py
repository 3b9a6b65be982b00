"""Ending all processes of a run."""

import os
import time

from orris_agent.supervisor.lease import LOOK_SECONDS
from orris_agent.supervisor.system import signal
from orris_agent.supervisor.tree import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.supervisor.run import Run

GRACE_SECONDS = 5.0  # between SIGTERM and SIGKILL when a run is ended
LEFTOVER_GRACE_SECONDS = 1.0  # the same for what a finished main process left behind


def end(run: "Run", grace: float) -> None:
    """End all processes of the run: SIGTERM, SIGKILL after `grace` seconds, until none is left."""
    if grace and run.children.collect():
        _ask(run, grace)
    while run.children.collect():
        _kill(run)
        run.sleep(0.05)


def _ask(run: "Run", grace: float) -> None:
    for pid in _processes(run):
        _send(pid, signal.SIGTERM)
        _send(pid, signal.SIGCONT)
    until = time.monotonic() + grace
    while run.children.collect() and time.monotonic() < until and run.lease.seconds_left() > 0:
        run.sleep(min(until - time.monotonic(), LOOK_SECONDS))


def _kill(run: "Run") -> None:
    frozen = set()  # type: set[int]
    fresh = _processes(run)
    while fresh:  # what is stopped cannot start more
        for pid in fresh:
            _send(pid, signal.SIGSTOP)
        frozen |= fresh
        fresh = _processes(run) - frozen
    for pid in frozen:
        _send(pid, signal.SIGKILL)


def _processes(run: "Run") -> "set[int]":
    return descendants(run.children.above, run.children.main)


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass  # it has ended, or is another user's: then it is seen again and tried again
