"""The run's processes where a zygote is above them, which tells of their ends."""

import os
import select

from orris_agent.supervisor.children import Children
from orris_agent.supervisor.program import CannotStart, arguments
from orris_agent.supervisor.system import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orris_agent.launcher.zygote import Zygote


class Forked(Children):
    """They are the supervisor's own children where the zygote becomes the program, and once it has been killed."""

    def __init__(self, zygote: "Zygote", learn: str) -> None:
        super().__init__()
        self._zygote, self._learn = zygote, learn
        self._apart = zygote.pid if zygote.forks else 0  # it has waited for other runs' programs
        self._failure = None  # type: str | None  # why the program cannot begin
        self._left, self._is_heard = False, True
        self._rest = b""  # of a line

    @property
    def above(self) -> int:
        """The process whose descendants are the run's."""
        return self._zygote.pid if self._zygote.forks else os.getpid()

    @property
    def wakes(self) -> "list[int]":
        """Where the zygote tells of them."""
        return [self._zygote.said] if self._zygote.forks else []

    def start(self, folder: str, command: "dict[str, Any]") -> None:
        """Have the program begin. Raises CannotStart."""
        try:
            self._zygote.give((folder, command["cwd"], *arguments(command), self._learn))
        except (OSError, ValueError) as error:
            raise CannotStart("cannot start %r: %s" % (command["argv"][0], error)) from error
        self._left = True
        while self._is_heard and not self.main and self.status is None and self._failure is None:
            select.select([self._zygote.said], [], [])
            self._hear()
        if not self.main and not self._zygote.forks:
            self.main = self._zygote.pid
        if self._failure is not None:
            while self.collect():
                select.select(self.wakes, [], [], 0.01)
            self.status = None
            raise CannotStart(self._failure)

    def collect(self) -> bool:
        """Collect processes that ended; return whether any of the run's are left."""
        if self._zygote.forks:
            self._hear()
        if self._zygote.forks:
            return self._left
        left = super().collect()
        if self.main and not left and self.status is None:  # it ended with the zygote, which had no time to tell how
            self.has_ended(signal.SIGKILL)
        return left

    def _count(self, pid: int, used: "Any") -> None:
        if pid != self._apart:
            super()._count(pid, used)

    def _hear(self) -> None:
        """Take in what has been said."""
        try:
            while self._is_heard:
                said = os.read(self._zygote.said, 65536)
                self._is_heard = bool(said)
                *lines, self._rest = (self._rest + said).split(b"\n")
                for line in lines:
                    self._heard(*line.split(b" ", 1))
        except BlockingIOError:
            return
        if self._zygote.forks:  # it was killed, and the program ends with it; else it has become the program
            self._zygote.forks = False
            self.is_lost = self.status is None

    def _heard(self, word: bytes, values: bytes) -> None:
        if word == b"begun":
            self.main = int(values)
        elif word == b"failed":
            self._failure = values.decode("unicode_escape", "replace")
        elif word == b"ended":
            status, seconds, largest, left = values.split()
            if self.status is None:
                self.has_ended(int(status))
            self.seconds, self.largest, self._left = float(seconds), int(largest), left != b"0"
