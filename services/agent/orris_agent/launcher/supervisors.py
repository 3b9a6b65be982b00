"""The supervisors that a launcher has forked: each sees to one run after the other."""

import os

from orris_agent.launcher.imported import Imported
from orris_agent.launcher.lines import lines_of
from orris_agent.launcher.supervising import supervise_all


class Supervisors:
    """They end when the launcher does, each after the run that it sees to."""

    def __init__(self, replies: int, imported: Imported) -> None:
        self._replies, self._imported = replies, imported
        self._hear, self._idle = os.pipe()
        os.set_blocking(self._hear, False)
        self._orders = {}  # type: dict[bytes, int]  # by pid
        self._waiting = []  # type: list[bytes]

    def give(self, line: str) -> None:
        """Pass a request on to one that is idle, or else to a new one. Raises Begin in a fork for a program."""
        self._hear_who_is_idle()
        order = line.encode() + b"\n"
        while self._waiting:
            pid = self._waiting.pop()
            try:
                os.write(self._orders[pid], order)
                return
            except BrokenPipeError:  # it was killed
                os.close(self._orders.pop(pid))
        os.write(self._new(), order)

    def _hear_who_is_idle(self) -> None:
        try:
            self._waiting += os.read(self._hear, 65536).split()
        except BlockingIOError:
            pass

    def _new(self) -> int:
        """Fork one; return where it is given orders."""
        hear, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(tell)
            supervise_all(lines_of(hear), {hear}, self._replies, self._idle, self._imported)
        os.close(hear)
        self._orders[b"%d" % pid] = tell
        return tell
