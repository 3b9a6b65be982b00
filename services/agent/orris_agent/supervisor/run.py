"""The run: its main process and the reasons to end it."""

import os
import time

from orris_agent.supervisor.children import Children
from orris_agent.supervisor.lease import LOOK_SECONDS, Lease
from orris_agent.supervisor.signals import Signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orris_agent.supervisor.usage import Usage


class Run:
    """The run in `folder`, started or not. `control`: where its agent writes; the run cannot in a container.

    `signals`: those of the process, if it has seen to another run before.
    """

    def __init__(
        self, folder: str, command: "dict[str, Any]", control: str = "", signals: "Signals | None" = None
    ) -> None:
        self.folder = folder
        self.contained = bool(control)
        self.command = command
        self.limit = command.get("time_limit_seconds")  # type: float | None
        self.memory_limit = int(command.get("memory_bytes", 0))  # 0: none
        self.start_time = time.time()
        self.started_at = time.monotonic()
        self.lease = Lease(control or folder)
        self.children = Children()  # forks of a launcher are of another kind
        self.signals = signals or Signals()
        self.lock = -1  # the descriptor that keeps other supervisors away
        self.usage = None  # type: Usage | None  # from the start on
        self.used_up = 0  # bytes of memory, where that was more than its limit

    def start(self) -> None:
        """Start the main process. Raises CannotStart."""
        self.start_time, self.started_at = time.time(), time.monotonic()
        cpus = self.command.get("cpus", 0)
        if cpus:
            from orris_agent.supervisor.processors import pass_on_processors, take_processors

            take_processors(self.folder, cpus)
        self.children.start(self.folder, self.command)
        if cpus:
            pass_on_processors(self.children.main)
        self.usage = self._begin_usage()

    def _begin_usage(self) -> "Usage":
        from orris_agent.supervisor.usage import Usage  # 2 ms: while the program starts

        return Usage(self.folder, self.contained, self.memory_limit, self.children)

    def reason_to_end(self) -> "str | None":
        """Say why the run must end now, if it must."""
        if self.signals.cancel_requested or self.lease.is_canceled():
            return "canceled"
        if self.lease.seconds_left() <= 0:
            return "lease_lost"
        if self._limit_seconds() <= 0:
            return "time_limit"
        return None

    def _limit_seconds(self) -> float:
        return float("inf") if self.limit is None else self.started_at + self.limit - time.monotonic()

    def watch(self) -> "str | None":
        """Return when the main process has ended (None) or must be ended (the reason)."""
        while True:
            self.children.collect()
            if self.children.status is not None:
                return None
            reason = self.reason_to_end()
            if reason:
                return reason
            if self.usage is not None:
                self.used_up = self.usage.look()
                if self.used_up:
                    return "out_of_memory"
            look = LOOK_SECONDS if self.usage is None else self.usage.seconds_left()
            self.sleep(min(LOOK_SECONDS, look, self.lease.seconds_left(), self._limit_seconds()))

    def leave(self) -> None:
        """Let go of a run that is over."""
        os.close(self.lock)

    def sleep(self, seconds: float) -> None:
        """Wait, at most `seconds`, until something may have happened."""
        self.signals.sleep(seconds, self.children.wakes)
