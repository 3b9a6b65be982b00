"""What the run uses, looked at while it runs: kept as samples, and held against the memory it was given."""

import os
import time

from orris_agent.supervisor.members import Members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.supervisor.children import Children

SAMPLE_SECONDS = 2.0  # until the first sample, and between the first ones
MOST_SAMPLES = 500  # as many are shown; twice as far apart from then on, since the server then keeps every other
LOOK_SECONDS = 1.0  # most between looks at a run with a memory limit
_SHORTEST_LOOK = 0.1
_BYTES_PER_SECOND = 2.0 * 1024**3  # about how fast a program can fill memory


class Usage:
    """Looks when it is time to, from the start of the main process on. `limit`: bytes of memory, 0 for no limit.

    Idle between looks; a run that ends before the first sample costs nothing.
    """

    def __init__(self, folder: str, contained: bool, limit: int, children: "Children") -> None:
        self.limit = limit
        self.most_bytes = 0  # of memory, of all that was seen
        self._file = os.path.join(folder, "usage.jsonl")
        self._contained = contained
        self._members = Members(children)
        self._pause, self._count = SAMPLE_SECONDS, 0
        self._seconds, self._recent_bytes = 0.0, 0
        self._before = self._container_seconds()  # what was imported before the run is not its own
        now = time.monotonic()
        self._next_sample = now + self._pause
        self._next_look = now + _until_used_up(limit) if limit else float("inf")

    def seconds_left(self) -> float:
        """Return how long nothing is to be looked at."""
        return min(self._next_look, self._next_sample) - time.monotonic()

    def look(self) -> int:
        """Look if it is time to; return how much memory the run uses where that is more than its limit, else 0."""
        now = time.monotonic()
        if now >= self._next_sample:
            self._sample(now)
        if now >= self._next_look:
            used = self._used()
            self._next_look = now + _until_used_up(self.limit - used)
            return used if used > self.limit else 0
        return 0

    def _used(self) -> int:
        from orris_agent.supervisor.measuring import proportional_bytes, resident_bytes

        pids = self._members.find()
        used = resident_bytes(pids)
        if len(pids) == 1:
            self._note(used)
        elif used > self.limit:  # it may be less: what they share counted for each
            used = proportional_bytes(pids)
            self._note(used)
        return used

    def _sample(self, now: float) -> None:
        seconds, used = self._measured()
        self._note(used)
        self._seconds = max(self._seconds, seconds)
        line = '{"time": %.3f, "cpu_seconds": %.3f, "memory_bytes": %d}\n'
        _append(self._file, line % (time.time(), self._seconds, self._recent_bytes))
        self._recent_bytes = 0
        self._count += 1
        if self._count == MOST_SAMPLES:
            self._pause, self._count = 2 * self._pause, MOST_SAMPLES // 2
        self._next_sample = now + self._pause

    def _measured(self) -> "tuple[float, int]":
        from orris_agent.supervisor import measuring

        found = measuring.container_use() if self._contained else None
        if found is not None:
            return found[0] - self._before, found[1]
        pids = self._members.find()
        memory = measuring.resident_bytes if len(pids) == 1 else measuring.proportional_bytes
        return measuring.processor_seconds(pids), memory(pids)

    def _container_seconds(self) -> float:
        if not self._contained:
            return 0.0
        from orris_agent.supervisor.measuring import container_use

        found = container_use()
        return 0.0 if found is None else found[0]

    def _note(self, used: int) -> None:
        self._recent_bytes = max(self._recent_bytes, used)
        self.most_bytes = max(self.most_bytes, used)


def _until_used_up(rest: int) -> float:
    """Return when to look again: not before that much could be used, within bounds."""
    return min(LOOK_SECONDS, max(_SHORTEST_LOOK, rest / _BYTES_PER_SECOND))


def _append(path: str, line: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
    except OSError:
        pass  # the disk is full: a sample less
