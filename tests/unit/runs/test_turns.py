"""Priorities, turns of experiments, and how many runs of one may go at a time."""

from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument, NotFound
from orris_runs.demands import Demands, Resources
from orris_runs.model import Lease, Run
from orris_runs.reading import RunQuery
from orris_runs.schema import lines, runs
from tests.servers.listening import heard, steps_of

from .conftest import World


def served(world: World, agent: str = "a1") -> list[int]:
    """Let an agent execute all that waits, one after the other; return the keys in that order."""
    order = []
    while held := world.core.leases.of_agent(agent):
        order.append(held[0].run.key)
        world.finish(held[0].id)
    return order


def keys(*chosen: Run) -> list[int]:
    return [run.key for run in chosen]


def reason(world: World, run: Run) -> str:
    return world.get(run).state_reason


@pytest.mark.parametrize("priority", [-101, 101, 2**31 - 1])
def test_a_priority_out_of_range_is_refused(world: World, priority: int) -> None:
    with pytest.raises(InvalidArgument, match=r"run\.priority"):
        world.submit(priority=priority)


def test_what_has_a_higher_priority_is_next_however_late_it_came(world: World) -> None:
    low, middle, high = (world.submit(priority=priority) for priority in (-100, 0, 100))
    world.agent()
    assert served(world) == keys(high, middle, low)


def test_experiments_take_turns(world: World) -> None:
    a = [world.submit(experiment="a") for _ in range(3)]
    b = [world.submit(experiment="b") for _ in range(2)]
    c = world.submit(experiment="c")
    world.agent()
    assert served(world) == keys(a[0], b[0], c, a[1], b[1], a[2])


def test_one_that_comes_later_waits_for_one_run_of_each_other(world: World) -> None:
    a = [world.submit(experiment="a") for _ in range(4)]
    world.agent()
    b = world.submit(experiment="b")
    assert served(world) == keys(a[0], a[1], b, a[2], a[3])


def test_submitting_one_by_one_is_no_way_past_others(world: World) -> None:
    a = [world.submit(experiment="a") for _ in range(3)]
    world.agent()
    order = []
    for _ in range(3):
        b = world.submit(experiment="b")
        order += ["a" if lease.run.experiment == "a" else "b" for lease in _finish_all_until(world, b)]
    assert order == ["a", "a", "b", "a", "b", "b"]
    assert len(a) == 3


def _finish_all_until(world: World, last: Run) -> Iterator[Lease]:
    while held := world.core.leases.of_agent("a1"):
        yield held[0]
        world.finish(held[0].id)
        if held[0].run.key == last.key:
            return


def test_what_asks_for_other_things_gets_no_turn_of_its_own(world: World) -> None:
    heavy = Demands(resources=Resources(cpus=1))
    a = [world.submit(experiment="a", demands=demands) for demands in (Demands(), heavy, Demands())]
    b = [world.submit(experiment="b") for _ in range(3)]
    world.agent(resources=Resources(cpus=2))
    assert served(world) == keys(a[0], b[0], a[1], b[1], a[2], b[2])


def test_an_experiment_whose_runs_fit_nowhere_holds_nobody_up(world: World) -> None:
    unfit = world.submit(experiment="a", demands=Demands(resources=Resources(cpus=8)), priority=5)
    world.agent(resources=Resources(cpus=2))
    fit = [world.submit(experiment=name) for name in "bc"]
    assert served(world) == keys(*fit)
    assert reason(world, unfit) == "needs 8 CPUs; the largest agent of pool local has 2 CPUs"


def test_places_count_turns_and_priorities(world: World) -> None:
    a = [world.submit(experiment="a") for _ in range(3)]
    b = [world.submit(experiment="b") for _ in range(2)]
    high = world.submit(experiment="b", priority=1)
    world.submit(experiment="b", demands=Demands(resources=Resources(cpus=8)), priority=9)
    world.agent(resources=Resources(cpus=2))  # takes the one of high priority
    expected = {a[0].key: 0, b[0].key: 1, a[1].key: 2, b[1].key: 3, a[2].key: 4}
    assert world.get(high).agent == "a1"
    # `b` was served last, so it is behind `a` now as before.
    for run in (*a, *b):
        assert reason(world, run) == f"waits for a free slot of pool local: {expected[run.key]} ahead of it"
    page = world.core.reading.page(RunQuery("default"), 100, "").items
    listed = {run.key: run.state_reason for run in page if "ahead" in run.state_reason}
    assert listed == {run.key: reason(world, run) for run in (*a, *b)}
    assert served(world)[1:] == sorted(expected, key=lambda key: expected[key])


def test_the_place_says_in_which_order_runs_are_served(world: World) -> None:
    """Whatever they ask for: the number is exact as long as nothing else comes."""
    kinds = [Demands(), Demands(resources=Resources(cpus=1))]
    made = [
        world.submit(
            experiment="abc"[number % 3 % (1 + number % 2)], priority=number % 2, demands=kinds[number // 5 % 2]
        )
        for number in range(24)
    ]
    first = world.agent(resources=Resources(cpus=1))
    places = {run.key: int(text.split(":")[1].split()[0]) for run in made if ":" in (text := reason(world, run))}
    assert served(world, first)[1:] == sorted(places, key=lambda key: places[key])
    assert sorted(places.values()) == list(range(23))


def test_an_experiment_runs_as_many_at_a_time_as_it_may(world: World) -> None:
    world.core.experiments.create("default", "a")
    assert world.core.experiments.update("default", "a", 2).max_concurrent_runs == 2
    world.agent(slots=4)
    a = [world.submit(experiment="a") for _ in range(4)]
    b = world.submit(experiment="b")
    assert [world.get(run).agent for run in (*a, b)] == ["a1", "a1", "", "", "a1"]
    assert reason(world, a[2]) == "experiment a runs 2 at a time: 0 ahead of it"
    assert reason(world, a[3]) == "experiment a runs 2 at a time: 1 ahead of it"
    world.finish(world.lease_of(a[0]))
    assert [world.get(run).agent for run in a[1:]] == ["a1", "a1", ""]


def test_a_bound_holds_over_all_pools_and_a_restart(world: World) -> None:
    world.core.experiments.create("default", "a")
    world.core.experiments.update("default", "a", 1)
    world.reopen()
    world.agent("a1")
    world.agent("g1", pool="gpu")
    first, second = world.submit(experiment="a"), world.submit(experiment="a", pool="gpu")
    assert [world.get(run).agent for run in (first, second)] == ["a1", ""]
    world.finish(world.lease_of(first))
    assert world.get(second).agent == "g1"


def test_to_lift_a_bound_lets_runs_go_at_once(world: World) -> None:
    world.core.experiments.create("default", "a")
    world.core.experiments.update("default", "a", 1)
    world.agent(slots=3)
    made = [world.submit(experiment="a") for _ in range(3)]
    world.core.experiments.update("default", "a", 0)
    assert [world.get(run).agent for run in made] == ["a1"] * 3
    assert world.core.experiments.get("default", "a").max_concurrent_runs == 0


def test_a_bound_that_is_none_is_refused(world: World) -> None:
    world.core.experiments.create("default", "a")
    with pytest.raises(InvalidArgument, match="max_concurrent_runs"):
        world.core.experiments.update("default", "a", -1)
    with pytest.raises(NotFound, match="no experiment"):
        world.core.experiments.update("default", "nobody", 1)


def test_a_run_that_was_canceled_leaves_its_place(world: World) -> None:
    a = [world.submit(experiment="a") for _ in range(2)]
    b = world.submit(experiment="b")
    world.core.cancellation.cancel("default", a[0].id, "me")
    world.core.cancellation.cancel("default", b.id, "me")
    world.agent()
    assert served(world) == keys(a[1])
    world.submit(experiment="a")
    with world.core.store.look() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(lines)).scalar_one() == 0


def test_what_a_decision_costs_does_not_grow_with_the_queue(world: World) -> None:
    """A submission that is told its place, a run that ends, and a cancellation: with 100 and with 100,000 that wait.

    In statements, and with SQLite in steps of its machine.
    """
    world.agent()
    experiments = [f"e{number}" for number in range(20)]
    for experiment in experiments:
        world.submit(experiment=experiment)

    def costs() -> list[int]:
        steps = steps_of(world.engine) if world.engine.dialect.name == "sqlite" else nullcontext([0])
        with heard(world.engine) as statements, steps as counted:
            late = world.submit(experiment="late")
            world.core.cancellation.cancel("default", late.id, "me")
            world.finish(world.core.leases.of_agent("a1")[0].id)
        return [len(statements), *counted]

    costs()
    _multiply(world, 100)
    few = costs()
    _multiply(world, 100_000)
    many = costs()
    assert many[0] <= few[0]
    assert many[1] <= 1.5 * few[1] + 10


def _multiply(world: World, count: int) -> None:
    """Let more runs wait like those that do, until there are so many."""
    columns = [column.name for column in runs.columns if column.name not in ("key", "id")]
    with world.core.store.change() as change:
        there = change.connection.execute(sa.select(sa.func.count()).where(runs.c.slot.is_not(None))).scalar_one()
        names = ", ".join(f'"{name}"' for name in columns)
        change.connection.exec_driver_sql(
            f"WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count // there})"
            f" INSERT INTO runs (id, {names}) SELECT id || '_' || {count} || '_' || n, {names} FROM runs, numbers"
            " WHERE slot IS NOT NULL"
        )
    if world.engine.dialect.name == "postgresql":
        with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE runs")
