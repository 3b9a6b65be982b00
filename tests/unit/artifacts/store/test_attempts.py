"""Trying again: bounded, with growing pauses, and not by everybody when it is known to be in vain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orris_artifacts.store.s3.attempts import Attempts


class Passing(Exception):
    """Fails now, not later."""


def passes(error: Exception) -> bool:
    return isinstance(error, Passing)


class Time:
    """Goes on when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def attempts(self, seconds: float = 10.0) -> Attempts:
        return Attempts(seconds, clock=lambda: self.now, sleep=self.sleep)


class Failing:
    """Fails so many times, taking its time."""

    def __init__(self, time: Time, failures: int | None = None, taking: float = 0.0, error: type[Exception] = Passing):
        self.asked = 0
        self._time, self._failures, self._taking, self._error = time, failures, taking, error

    def __call__(self) -> int:
        self.asked += 1
        self._time.now += self._taking
        if self._failures is None or self.asked <= self._failures:
            raise self._error
        return self.asked


@pytest.fixture
def time() -> Time:
    return Time()


def in_vain(attempts: Attempts, act: Callable[[], int]) -> None:
    with pytest.raises(Passing):
        attempts.run(act, passes)


def test_what_passes_is_tried_again(time: Time) -> None:
    assert time.attempts().run(Failing(time, failures=3), passes) == 4


def test_what_does_not_pass_is_not_tried_again(time: Time) -> None:
    act = Failing(time, error=ValueError)
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        time.attempts().run(act, passes)
    assert act.asked == 1
    assert time.pauses == []


def test_attempts_end_within_their_time(time: Time) -> None:
    act = Failing(time)
    in_vain(time.attempts(10), act)
    assert 8 < time.now <= 10
    assert 9 <= act.asked <= 16


def test_pauses_grow_and_differ(time: Time) -> None:
    in_vain(time.attempts(10), Failing(time))
    assert time.pauses[0] <= 0.1
    assert 1.0 <= time.pauses[-1] <= 2.0
    other = Time()
    in_vain(other.attempts(10), Failing(other))
    assert time.pauses != other.pauses


def test_what_takes_all_the_time_is_tried_twice(time: Time) -> None:
    """A connection that was kept open may be dead: its end is then noticed only by waiting."""
    act = Failing(time, taking=60)
    in_vain(time.attempts(10), act)
    assert act.asked == 2


def test_after_that_was_in_vain_things_are_tried_once(time: Time) -> None:
    attempts = time.attempts()
    in_vain(attempts, Failing(time))
    act = Failing(time)
    for _ in range(3):
        in_vain(attempts, act)
    assert act.asked == 3


@pytest.mark.parametrize("error", [None, KeyError])
def test_an_answer_brings_the_patience_back(time: Time, error: type[Exception] | None) -> None:
    attempts = time.attempts()
    in_vain(attempts, Failing(time))
    if error is None:
        assert attempts.run(lambda: 5, passes) == 5
    else:
        with pytest.raises(error):
            attempts.run(Failing(time, error=error), passes)
    assert attempts.run(Failing(time, failures=2), passes) == 3
