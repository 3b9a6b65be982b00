"""The run's processes, from their start to the last one's end, as children of the supervisor."""

import os
import time

from orris_agent.supervisor.program import start_program
from orris_agent.supervisor.system import LINUX
from orris_agent.supervisor.tree import descendants

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Children:
    """The main process, whose pid is `main`, and what it leaves to its supervisor, a subreaper, when it ends."""

    def __init__(self) -> None:
        self.main = 0
        self.status = None  # type: int | None  # of the main process, as waitpid gives it
        self.is_lost = False  # how the main process ended is not known: who would have told was killed
        self.end_time = 0.0
        self.seconds = 0.0  # of processor time, of all that have ended
        self.largest = 0  # the most memory that one of these had, as getrusage(2) gives it

    @property
    def above(self) -> int:
        """The process whose descendants are the run's."""
        return os.getpid()

    @property
    def wakes(self) -> "list[int]":
        """Descriptors that become readable when there is something to collect which no signal tells of."""
        return []

    def start(self, folder: str, command: "dict[str, Any]") -> None:
        """Start the main process. Raises CannotStart."""
        self.main = start_program(folder, command)

    def collect(self) -> bool:
        """Collect processes that ended; return whether any of the run's are left."""
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                # A subreaper without children has no descendants either.
                return not LINUX and bool(descendants(self.above, self.main))
            if pid == 0:
                return True
            self._count(pid, used)
            if pid == self.main:
                self.has_ended(status)

    def _count(self, pid: int, used: "Any") -> None:
        self.seconds += used.ru_utime + used.ru_stime
        self.largest = max(self.largest, used.ru_maxrss)

    def has_ended(self, status: int) -> None:
        """Note how the main process ended."""
        self.status, self.end_time = status, time.time()
