"""Many at a time: nothing is given away twice, nobody waits for nothing, and who asks the same gets the same."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from orris.errors import AlreadyExists
from orris_runs.leases import Outcome
from orris_runs.logs import Taken
from orris_runs.model import STD_LOG, Prepared, Run
from orris_runs.states import State
from tests.servers.databases import until_somebody_waits
from tests.unit.threads import AT_ONCE, at_once, same

from .conftest import BUILD, IMAGE, NEW, World


def states(world: World, runs: Iterable[Run]) -> list[State]:
    return [world.get(run).state for run in runs]


def test_the_same_request_is_one_run(world: World) -> None:
    def submit() -> Run:
        run_id = world.new_id()
        return world.core.submission.submit(run_id, NEW, Prepared(image=IMAGE), "request", b"payload")

    assert len({run.id for run in same(submit)}) == 1


def test_runs_that_need_the_same_experiment_and_the_same_build_are_all_recorded(world: World) -> None:
    runs = same(world.submit_preparing)
    assert len({run.key for run in runs}) == AT_ONCE
    world.core.preparation.succeeded(BUILD, IMAGE, [])
    assert states(world, runs) == [State.PROVISIONING] * AT_ONCE


def test_one_of_many_makes_a_workspace(world: World) -> None:
    def create() -> bool:
        try:
            world.core.workspaces.create("lab", "", "", b"")
        except AlreadyExists:
            return False
        return True

    assert sorted(same(create)) == [False] * (AT_ONCE - 1) + [True]


def test_an_agent_gets_as_many_runs_as_it_has_slots_and_the_next_when_one_ends(world: World) -> None:
    world.agent(slots=2)
    waiting = at_once([world.submit] * 12)
    order: list[int] = []
    while held := world.core.leases.of_agent("a1"):
        left = len(waiting) - len(order)
        assert len(held) == min(2, left)
        order += [lease.run.key for lease in held]
        at_once([partial(world.finish, lease.id) for lease in held])
    assert sorted(order) == sorted(run.key for run in waiting)
    assert set(states(world, waiting)) == {State.COMPLETED}


def test_a_place_in_the_queue_that_is_given_up_goes_to_the_next(world: World) -> None:
    """While slots become free, the head of the queue is canceled: whoever is behind it must not be forgotten."""
    world.agent(slots=3)
    runs = [world.submit() for _ in range(15)]
    calls: list[Callable[[], Any]] = [partial(world.finish, lease.id) for lease in world.core.leases.of_agent("a1")]
    calls += [partial(world.core.cancellation.cancel, "default", run.id, "ada") for run in runs[3:9]]
    at_once(calls[::2] + calls[1::2])
    assert len(world.core.leases.of_agent("a1")) == 3


def test_the_head_of_the_queue_that_is_being_canceled_is_not_given_to_an_agent(world: World) -> None:
    """The slot becomes free in between: the next run gets it."""
    world.agent()
    _, lease = world.start()
    head, behind = world.submit(), world.submit()
    with ThreadPoolExecutor(1) as threads:
        with world.core.store.change() as change:
            row = world.core.reading.require_row(change.connection, "default", head.id, lock=True)
            world.core.cancellation._moves.ask_to_cancel(change, row, "no longer wanted")
            finishing = threads.submit(world.finish, lease)
            until_somebody_waits(change.connection)
        finishing.result()
    assert states(world, [head]) == [State.CANCELED]
    assert [each.run.key for each in world.core.leases.of_agent("a1")] == [behind.key]


def test_the_end_of_a_run_that_is_said_again_meanwhile_is_one(world: World) -> None:
    world.agent()
    run, lease = world.start()
    same(world.core.leases.finish, lease, Outcome(State.COMPLETED))
    assert world.get(run).state is State.COMPLETED


def test_bytes_and_events_that_are_sent_again_meanwhile_are_stored_once(world: World) -> None:
    world.agent()
    run, lease = world.start()
    assert same(world.core.logs.append, lease, STD_LOG, 0, b"abc", False) == [Taken(3)] * AT_ONCE
    assert world.core.logs.read("default", run.id, STD_LOG, 0).data == b"abc"


def test_an_agent_that_registers_twice_at_once_is_one(world: World) -> None:
    same(world.agent)
    assert [agent.id for agent in world.core.agents.list(10, "")[0]] == ["a1"]


def test_all_can_be_stopped_while_runs_come_and_go(world: World) -> None:
    world.agent(slots=2)
    for _ in range(4):
        world.submit()
    calls: list[Callable[[], Any]] = [partial(world.finish, lease.id) for lease in world.core.leases.of_agent("a1")]
    calls += [partial(world.core.stop_all, "down"), partial(world.core.preparation.failed, BUILD, "x"), world.submit]
    at_once(calls)
    world.core.stop_all("down")
    assert all(lease.cancel for lease in world.core.leases.of_agent("a1"))
