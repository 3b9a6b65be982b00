"""When leases end, in memory: a renewal costs no transaction; after a restart each has its whole duration again."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

from orris_runs.store import Clock


@dataclass(slots=True)
class _Held:
    agent: str
    renewed: float
    patience: float
    lasting: float
    late: bool = False


class Deadlines:
    """The leases that are held. All durations are in seconds.

    An agent counts from the moment it asked, this service from the moment it answered, and waits `margin` longer: when
    a lease is void here, its agent has long ended what it ran under it.
    """

    def __init__(self, clock: Clock, duration: float, margin: float) -> None:
        self._clock = clock
        self.duration = duration
        self._margin = margin
        self._lock = threading.Lock()
        self._held: dict[str, _Held] = {}

    def begin(
        self, lease: str, agent: str, *, late: bool = False, patience: float | None = None, lasting: float | None = None
    ) -> None:
        """Give a lease its whole duration from now on.

        It is late after `patience` (default: half the duration), and has ended after `lasting` (default: the duration
        and the margin).
        """
        patience = self.duration / 2 if patience is None else patience
        lasting = self.duration + self._margin if lasting is None else lasting
        with self._lock:
            self._held[lease] = _Held(agent, self._clock.monotonic(), patience, lasting, late)

    def end(self, lease: str) -> None:
        """Forget a lease."""
        with self._lock:
            self._held.pop(lease, None)

    def renew(self, agent: str, leases: Iterable[str]) -> tuple[list[str], list[str]]:
        """Renew an agent's leases; return those that are not held, and those that were late until now."""
        lost, back = [], []
        now = self._clock.monotonic()
        with self._lock:
            for lease in leases:
                held = self._held.get(lease)
                if held is None or held.agent != agent:
                    lost.append(lease)
                    continue
                held.renewed = now
                if held.late:
                    held.late = False
                    back.append(lease)
        return lost, back

    def take_late(self) -> list[str]:
        """Return the leases that were not renewed for as long as is patience, each once until it is renewed."""
        now = self._clock.monotonic()
        with self._lock:
            late = [lease for lease, held in self._held.items() if not held.late and held.renewed + held.patience < now]
            for lease in late:
                self._held[lease].late = True
        return late

    def take_ended(self) -> list[str]:
        """Return the leases that have ended, and forget them: from now on they cannot be renewed."""
        now = self._clock.monotonic()
        with self._lock:
            ended = [lease for lease, held in self._held.items() if held.renewed + held.lasting < now]
            for lease in ended:
                del self._held[lease]
        return ended
