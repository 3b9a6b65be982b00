"""How slowly an answer may come: what was received earns time for the rest."""

from __future__ import annotations

import io

import pytest

from orris_artifacts.store.s3.pace import SLOWEST, PacedReads

SECONDS = 10.0


class Line(io.RawIOBase):
    """A connection on which `rate` bytes come each second, until `size` have come."""

    def __init__(self, rate: int, size: int) -> None:
        self.now = 0.0
        self.rate, self.left = rate, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = min(len(buffer), self.rate, self.left)
        self.left -= count
        self.now += count / self.rate
        buffer[:count] = bytes(count)
        return count


def paced(line: Line) -> io.BufferedReader:
    return io.BufferedReader(PacedReads(line, SECONDS, lambda: line.now))


@pytest.fixture(params=[SLOWEST, 4 * SLOWEST])
def fast_enough(request: pytest.FixtureRequest) -> Line:
    return Line(request.param, 16 * 1024 * 1024)


def test_what_comes_at_the_slowest_pace_is_read_to_its_end(fast_enough: Line) -> None:
    assert len(paced(fast_enough).read()) == 16 * 1024 * 1024


@pytest.mark.parametrize("rate", [1, SLOWEST // 2])
def test_what_falls_behind_is_given_up_long_before_its_end(rate: int) -> None:
    line = Line(rate, 16 * 1024 * 1024)
    with pytest.raises(TimeoutError):
        paced(line).read()
    assert line.now <= SECONDS / (1 - rate / SLOWEST) + 2


def test_what_came_fast_is_no_credit_for_ever() -> None:
    """Bytes earn the time that they would have taken at the slowest pace, and no more."""
    line = Line(4 * SLOWEST, 32 * SLOWEST + 1000)
    reader = paced(line)
    reader.read(32 * SLOWEST)
    line.rate = 1
    with pytest.raises(TimeoutError):
        reader.read()
    assert line.now <= 32 + SECONDS + 2
