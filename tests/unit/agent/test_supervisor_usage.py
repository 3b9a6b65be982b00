"""What a supervisor looks at, and when, by a clock that only the test moves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from orris_agent.supervisor import measuring, usage
from orris_agent.supervisor.children import Children
from orris_agent.supervisor.members import Members
from orris_agent.supervisor.usage import LOOK_SECONDS, MOST_SAMPLES, SAMPLE_SECONDS, Usage

GIB = 1024**3


class Clock:
    """Stands in for `time`."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    time = monotonic


class Measured:
    """Stands in for the machine: what the run uses, and how often anybody asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds, self.memory, self.asked, self.pids = 0.0, 0, 0, {7}
        monkeypatch.setattr(Members, "find", lambda members: self.pids)
        monkeypatch.setattr(measuring, "processor_seconds", lambda pids: self.seconds)
        monkeypatch.setattr(measuring, "resident_bytes", self._bytes)
        monkeypatch.setattr(measuring, "proportional_bytes", self._bytes)

    def _bytes(self, pids: object) -> int:
        self.asked += 1
        return self.memory


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(usage, "time", made)
    return made


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(monkeypatch)


def samples(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "usage.jsonl").read_text().splitlines()]


def passed(looks: Usage, clock: Clock, seconds: float) -> int:
    """Look whenever it is time to for so long; return what is over the limit in the end."""
    until, over = clock.now + seconds, 0
    while not over and clock.now + looks.seconds_left() <= until:
        clock.now += max(looks.seconds_left(), 0.001)
        over = looks.look()
    return over


def test_nothing_is_looked_at_before_the_first_sample(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    looks = Usage(str(tmp_path), False, 0, Children())
    assert looks.seconds_left() == SAMPLE_SECONDS
    clock.now += SAMPLE_SECONDS / 2
    assert looks.look() == 0
    assert measured.asked == 0
    assert not (tmp_path / "usage.jsonl").exists()


def test_a_run_of_a_month_has_few_samples_which_get_rarer(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    looks = Usage(str(tmp_path), False, 0, Children())
    passed(looks, clock, 30 * 86_400)
    times = [sample["time"] for sample in samples(tmp_path)]
    assert times[0] == 1000 + SAMPLE_SECONDS
    assert times[MOST_SAMPLES - 1] == 1000 + MOST_SAMPLES * SAMPLE_SECONDS
    gaps = [round(later - earlier, 3) for earlier, later in pairwise(times)]
    assert gaps == sorted(gaps)
    assert len(times) < 8 * MOST_SAMPLES
    assert 30 * 86_400 / gaps[-1] < 2 * MOST_SAMPLES


def test_seconds_never_become_fewer(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    """A process that has ended, and that nobody has waited for yet, may not be seen for a moment."""
    looks = Usage(str(tmp_path), False, 0, Children())
    for seconds in (5.0, 3.0, 6.0):
        measured.seconds = seconds
        passed(looks, clock, SAMPLE_SECONDS)
    assert [sample["cpu_seconds"] for sample in samples(tmp_path)] == [5.0, 5.0, 6.0]


def test_a_sample_has_the_most_memory_since_the_one_before(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    looks = Usage(str(tmp_path), False, 8 * GIB, Children())
    measured.memory = 7 * GIB
    passed(looks, clock, LOOK_SECONDS)
    measured.memory = GIB
    passed(looks, clock, 1.5 * SAMPLE_SECONDS)
    assert [sample["memory_bytes"] for sample in samples(tmp_path)] == [7 * GIB, GIB]
    assert looks.most_bytes == 7 * GIB


def test_the_closer_to_its_limit_the_oftener_a_run_is_looked_at(
    tmp_path: Path, clock: Clock, measured: Measured
) -> None:
    looks = Usage(str(tmp_path), False, 8 * GIB, Children())
    passed(looks, clock, LOOK_SECONDS)
    far = looks.seconds_left()
    measured.memory = 8 * GIB
    assert passed(looks, clock, 2 * LOOK_SECONDS) == 0
    assert looks.seconds_left() < far / 5
    measured.memory += 1
    assert passed(looks, clock, LOOK_SECONDS) == 8 * GIB + 1


def test_who_cannot_write_samples_goes_on(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    """Nor does a run that puts a pipe there make its supervisor wait for a reader."""
    os.mkfifo(tmp_path / "usage.jsonl")
    looks = Usage(str(tmp_path), False, 0, Children())
    passed(looks, clock, 3 * SAMPLE_SECONDS)
    assert looks.seconds_left() > 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_members_are_all_descendants_also_later_ones() -> None:
    members, script = (
        Members(Children()),
        "import subprocess, sys; subprocess.run(['sh', '-c', 'sleep 600 & echo $!; wait'])",
    )
    members.find()
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        grandchild = int(child.stdout.readline())
        found = members.find()
        assert {child.pid, grandchild} <= found
        assert os.getppid() not in found
        os.kill(grandchild, 9)
    finally:
        child.kill()
        child.wait()
    assert child.pid not in members.find()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_and_time_of_a_process_are_about_what_the_kernel_says() -> None:
    held = bytearray(os.urandom(1024)) * (64 * 1024)
    for memory in (measuring.resident_bytes, measuring.proportional_bytes):
        assert 64 * 1024**2 <= memory([os.getpid()]) < 64 * GIB
        assert memory([os.getpid(), 2**30]) >= 64 * 1024**2  # who is gone counts nothing
    assert measuring.processor_seconds([os.getpid()]) > 0
    assert len(held) == 64 * 1024**2
