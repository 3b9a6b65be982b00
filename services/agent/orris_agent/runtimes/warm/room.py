"""The room that launchers and waiting containers of an agent have together."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Limits:
    """How many launchers there may be, what they may occupy together (bytes), and how long one waits (seconds)."""

    number: int = 8
    memory: int = 2 * 1024**3
    idle: float = 900.0


class Guest(Protocol):
    """A launcher, or one that is being made. `used`: when it was, by the monotonic clock."""

    used: float

    @property
    def memory(self) -> int:
        """What it occupies, in bytes."""

    def go(self) -> None:
        """End, and leave the room."""


class Room:
    """Whoever was used least recently goes when there are too many, and who was not used for long."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._guests: set[Guest] = set()
        self._timer: asyncio.TimerHandle | None = None

    def enter(self, guest: Guest) -> None:
        """Take one in, and make room for it."""
        self._guests.add(guest)
        self.bound(guest)

    def leave(self, guest: Guest) -> None:
        """Forget one."""
        self._guests.discard(guest)

    def bound(self, kept: Guest) -> None:
        """Have others go while there are too many, and look for idle ones later."""
        memory = sum(guest.memory for guest in self._guests)
        for guest in sorted(self._guests - {kept}, key=lambda guest: guest.used):
            if len(self._guests) <= self.limits.number and memory <= self.limits.memory:
                break
            memory -= guest.memory
            guest.go()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self.limits.idle, self._end_idle)

    def _end_idle(self) -> None:
        self._timer = None
        now = time.monotonic()
        for guest in [guest for guest in self._guests if now - guest.used >= self.limits.idle]:
            guest.go()
        if self._guests:
            oldest = min(guest.used for guest in self._guests)
            self._timer = asyncio.get_running_loop().call_later(oldest + self.limits.idle - now, self._end_idle)
