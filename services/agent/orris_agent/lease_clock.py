"""How long leases last by this machine's clock, however late word of them is read.

Such a message may lie somewhere while this process is stopped, or its machine is cut off or asleep; the service counts
from the moment that it sent it. An answer was given after its question: so the service's clock, which goes along with
its answers, says when on this machine's clock a message was sent at the earliest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from google.protobuf.duration_pb2 import Duration

from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.control import boottime

# Those before are passed over: two clocks do not go exactly alike.
_ANSWERS = 30


class _Sent(Protocol):
    @property
    def clock(self) -> Duration: ...


class LeaseClock:
    """What is known of the service's clock. All times are in seconds of `now`, this machine's clock.

    That counts its sleep, unless the service sleeps along.
    """

    def __init__(self, now: Callable[[], float] = boottime) -> None:
        self.now = now
        self._began = self._newest()

    def begin(self, asked: float, answer: _Sent) -> None:
        """Forget what was known: this is the first answer on a new stream, maybe of a new process."""
        self._began = self._newest()
        self.answered(asked, answer)

    def answered(self, asked: float, answer: _Sent) -> None:
        """Note that somebody who asked at `asked` was answered so."""
        self._began.append(asked - _seconds(answer.clock))

    def left(self, lease: agents.Lease, sent: _Sent) -> float:
        """Return for how many seconds a lease lasts that came with a message; none or fewer where it is over."""
        duration = _seconds(lease.duration)
        if not self._began or not _seconds(sent.clock):  # a service of before it told its clock
            return duration
        return min(duration, max(self._began) + _seconds(sent.clock) + duration - self.now())

    def left_of(self, duration: Duration, asked: float) -> float:
        """Return for how many seconds leases last still that were renewed for a duration from `asked` on."""
        return asked + _seconds(duration) - self.now()

    def _newest(self) -> deque[float]:
        """What this machine's clock said at the latest when the service's was 0, for each of the last answers."""
        return deque(maxlen=_ANSWERS)


def _seconds(length: Duration) -> float:
    return length.seconds + length.nanos / 1e9
