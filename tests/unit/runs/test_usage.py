"""What runs use: kept once, in the order of time, and little of it however long a run runs."""

import math
from datetime import timedelta

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_runs.limits import USAGE_APPENDED, USAGE_SAMPLES
from orris_runs.model import Run, UsageSample, Used

from .conftest import FakeClock, World

START = FakeClock.time


def sample(seconds: float, cpu_seconds: float = 0, memory_bytes: int = 0) -> UsageSample:
    return UsageSample(START + timedelta(seconds=seconds), cpu_seconds, memory_bytes)


def kept(world: World, run: Run) -> list[UsageSample]:
    return world.core.usage.list("default", run.id)


def test_samples_sent_again_are_kept_once_and_compared(world: World) -> None:
    world.agent()
    run, lease = world.start()
    for samples in ([sample(2, 3), sample(4, 4)], [sample(2, 3), sample(4, 4), sample(8, 12, 5)], []):
        world.core.usage.append(lease, samples)
    found = kept(world, run)
    assert [(each.cpu_seconds, each.cpus) for each in found] == [(3, 1.5), (4, 0.5), (12, 2.0)]
    assert found[-1].memory_bytes == 5
    world.reopen()
    assert kept(world, run) == found


def test_what_is_no_sample_is_passed_over(world: World) -> None:
    world.agent()
    run, lease = world.start()
    wrong = [sample(2, math.nan), sample(2, math.inf), sample(2, -1), sample(2, 1, -1)]
    world.core.usage.append(lease, [*wrong, sample(4, 1), sample(3, 9), sample(4, 9)])
    assert [each.cpu_seconds for each in kept(world, run)] == [1]


def test_a_long_run_has_few_samples_and_its_most_memory_is_not_lost(world: World) -> None:
    world.agent()
    run, lease = world.start()
    samples = [sample(at, at, 100 if at == 77 else 1) for at in range(1, 1 + 3 * USAGE_SAMPLES)]
    for begin in range(0, len(samples), 7):
        world.core.usage.append(lease, samples[begin : begin + 7])
        assert len(kept(world, run)) < USAGE_SAMPLES
    found = kept(world, run)
    assert found[-1].time == samples[-1].time
    assert max(each.memory_bytes for each in found) == 100
    assert {each.cpus for each in found} == {1.0}
    assert len(found) >= USAGE_SAMPLES / 4


def test_seconds_that_become_fewer_are_no_negative_processors(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.usage.append(lease, [sample(2, 5), sample(4, 3)])
    assert [each.cpus for each in kept(world, run)] == [2.5, 0.0]


def test_samples_need_a_lease_and_come_in_bounded_numbers(world: World) -> None:
    world.agent()
    run, lease = world.start()
    with pytest.raises(InvalidArgument):
        world.core.usage.append(lease, [sample(at) for at in range(USAGE_APPENDED + 1)])
    world.finish(lease)
    with pytest.raises(FailedPrecondition) as caught:
        world.core.usage.append(lease, [sample(2)])
    assert caught.value.reason == "LEASE_LOST"
    assert kept(world, run) == []
    with pytest.raises(NotFound):
        world.core.usage.list("default", "nobody")


def test_the_totals_are_told_with_the_end(world: World) -> None:
    world.agent(slots=2)
    known, lease = world.start()
    assert world.get(known).used is None
    world.finish(lease, used=Used(1.5, 2**40))
    assert world.get(known).used == Used(1.5, 2**40)
    unknown, lease = world.start()
    world.finish(lease)
    assert world.get(unknown).used is None
