"""How long the supervisor waits, by a clock that only its own sleeping moves."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import CLOCK_MONOTONIC
from typing import Any

import pytest

from orris_agent.supervisor import children, ending, lease, run
from orris_agent.supervisor.system import signal

FOREVER = float("inf")


class Clock:
    """Stands in for `time`, and for what the supervisor knows of signals: none comes."""

    cancel_requested = False
    CLOCK_MONOTONIC = CLOCK_MONOTONIC

    def __init__(self) -> None:
        self.now = 1000.0
        self.asleep = 0.0  # how long its machine was

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    def clock_gettime(self, clock: int) -> float:
        return self.now if clock == CLOCK_MONOTONIC else self.now + self.asleep

    def sleep(self, seconds: float, wakes: Sequence[int] = ()) -> None:
        self.now += max(seconds, 0.001)


class Processes:
    """The processes of a run: pid 7 until SIGKILL, or until `leaves` says so; `sent` has each signal and when."""

    def __init__(self, clock: Clock, leaves: Callable[[], bool] = lambda: False, lease_end: float = FOREVER) -> None:
        self.main, self.above, self.lease, self.children, self.sleep = 7, 1, self, self, clock.sleep
        self.sent: list[tuple[int, float]] = []
        self._clock, self._leaves, self._lease_end = clock, leaves, lease_end

    def collect(self) -> bool:
        return not self._leaves() and not any(number == signal.SIGKILL for number, _ in self.sent)

    def seconds_left(self) -> float:
        return self._lease_end - self._clock.now

    def descendants(self, above: int, main: int) -> set[int]:
        return {self.main} if self.collect() else set()

    def send(self, pid: int, number: int) -> None:
        assert pid == self.main
        if number in (signal.SIGTERM, signal.SIGKILL):
            self.sent.append((number, self._clock.now - 1000))

    def end(self, monkeypatch: pytest.MonkeyPatch, grace: float) -> None:
        monkeypatch.setattr(ending, "descendants", self.descendants)
        monkeypatch.setattr(ending, "_send", self.send)
        of: Any = self
        ending.end(of, grace)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (ending, lease, run):
        monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def supervised(clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> run.Run:
    monkeypatch.setattr(run, "Signals", lambda: clock)
    monkeypatch.setattr(children, "start_program", lambda folder, command: 7)
    monkeypatch.setattr(os, "wait4", lambda pid, options: (0, 0, None))
    made = run.Run(str(tmp_path), {"time_limit_seconds": 90.5})
    clock.now += 3  # the limit counts from the start of the program
    made.start()
    return made


def test_who_ignores_sigterm_has_the_whole_grace_before_sigkill(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(clock)
    processes.end(monkeypatch, ending.GRACE_SECONDS)
    assert processes.sent == [(signal.SIGTERM, 0.0), (signal.SIGKILL, pytest.approx(ending.GRACE_SECONDS, abs=0.01))]


def test_the_grace_ends_with_the_last_process(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(clock, leaves=lambda: clock.now >= 1002)
    processes.end(monkeypatch, grace=60)
    assert processes.sent == [(signal.SIGTERM, 0.0)]
    assert clock.now == 1002


def test_the_grace_ends_with_the_lease(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    processes = Processes(clock, lease_end=1002)
    processes.end(monkeypatch, grace=60)
    assert processes.sent == [(signal.SIGTERM, 0.0), (signal.SIGKILL, 2.0)]


def test_a_run_is_watched_for_as_long_as_its_limit(supervised: run.Run, clock: Clock) -> None:
    assert supervised.watch() == "time_limit"
    assert clock.now == pytest.approx(1093.5, abs=0.01)


def test_a_lease_ends_when_the_file_says_so_now(supervised: run.Run, clock: Clock, tmp_path: Path) -> None:
    deadline = tmp_path / "deadline"
    deadline.write_text("1010.000")
    assert supervised.lease.seconds_left() == pytest.approx(7)
    deadline.write_text("1020.000")
    assert supervised.watch() == "lease_lost"
    assert clock.now == pytest.approx(1020, abs=0.01)


@pytest.mark.skipif(lease.CLOCK == CLOCK_MONOTONIC, reason="this system's clock tells nothing of sleep")
@pytest.mark.parametrize("along", [False, True])
def test_while_its_machine_sleeps_a_lease_runs_out_unless_who_gave_it_sleeps_along(
    clock: Clock, tmp_path: Path, along: bool
) -> None:
    if along:
        (tmp_path / lease.SLEEPS_ALONG).touch()
    held = lease.Lease(str(tmp_path))
    clock.asleep = 100.0
    (tmp_path / "deadline").write_text("1130.000")
    assert held.seconds_left() == 30
    clock.now, clock.asleep = 1010.0, 3700.0
    assert held.seconds_left() == (20 if along else -3580)
    (tmp_path / "deadline").write_text("4740.000")
    assert held.seconds_left() == 30
