"""Sweeps over the contract: agents execute trials, a watcher sees them, a restart is an ordinary thing."""

import asyncio
from typing import Any

import grpc
import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from orris.runs.v1 import agents_service_pb2, runs_pb2, sweeps_pb2
from orris.runs.v1 import runs_service_pb2 as runs_service
from orris.runs.v1 import sweeps_service_pb2 as pb
from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceStub
from orris_kit.auth import Role
from orris_runs import sweep_watching
from tests.fakes.images import READY
from tests.integration.runs.conftest import PARENT, FakeAgent, Service, State


def sweeps_of(service: Service, role: Role = Role.USER) -> Any:
    return SweepServiceStub(service.channel(role))


def described(service: Service, **changed: Any) -> sweeps_pb2.Sweep:
    values = [runs_pb2.MetricValue(integer=number) for number in range(4)]
    given = {
        "run": runs_pb2.Run(experiment=f"{PARENT}/experiments/iris"),
        "trial": runs_pb2.Run(
            script="train.py",
            snapshot=service.artifacts.tree("train.py"),
            environment=READY,
            secret_environment_variables={"KEY": "hidden"},
        ),
        "parameters": [sweeps_pb2.SweepParameter(name="x", choice=sweeps_pb2.SweepChoice(values=values))],
        "sampling": sweeps_pb2.SweepSampling(method=sweeps_pb2.SweepSampling.METHOD_GRID),
        "metric": "m",
        "goal": sweeps_pb2.Sweep.GOAL_MAXIMIZE,
        "max_total_runs": 10,
        "max_concurrent_runs": 2,
        **changed,
    }
    return sweeps_pb2.Sweep(**given)


async def create(service: Service, request_id: str = "", **changed: Any) -> sweeps_pb2.Sweep:
    request = pb.CreateSweepRequest(parent=PARENT, sweep=described(service, **changed), request_id=request_id)
    made: sweeps_pb2.Sweep = (await sweeps_of(service).CreateSweep(request)).sweep
    return made


async def execute(agent: FakeAgent, lease: agents_service_pb2.Lease, number: float) -> None:
    await agent.report(lease.id, State.STATE_RUNNING)
    point = runs_pb2.MetricPoint(
        metric="m", type=runs_pb2.MetricPoint.TYPE_SCALAR, value=runs_pb2.MetricValue(number=number)
    )
    point.time.GetCurrentTime()
    events = [agents_service_pb2.RunEvent(metric=point)]
    await agent.stub.AppendRunEvents(agents_service_pb2.AppendRunEventsRequest(lease_id=lease.id, events=events))
    await agent.finish(lease.id)


async def executed(agent: FakeAgent, count: int, done: dict[str, float]) -> None:
    """Execute runs as they are leased, until so many are done: each logs its argument."""
    message = agent.first
    while len(done) < count:
        for lease in message.leases:
            if lease.run.name not in done:
                done[lease.run.name] = float(lease.run.arguments[-1])
                await execute(agent, lease, done[lease.run.name])
        if len(done) < count:
            message = await agent.next()


async def test_it_goes_to_its_end_over_a_restart_and_a_watcher_sees_all(service: Service) -> None:
    agent = await FakeAgent(service).connect(slots=2)
    sweep = await create(service)
    done: dict[str, float] = {}
    await executed(agent, 2, done)
    await service.restart()
    agent = await FakeAgent(service).connect(slots=2)
    seen: dict[int, sweeps_pb2.SweepTrial] = {}

    async def watch() -> sweeps_pb2.Sweep:
        async for message in sweeps_of(service).WatchSweep(pb.WatchSweepRequest(name=sweep.run.name)):
            seen.update((trial.number, trial) for trial in message.trials)
            if message.end:
                ended: sweeps_pb2.Sweep = message.sweep
                return ended
        raise AssertionError("the stream ended before the sweep")

    async with asyncio.timeout(20):
        watching = asyncio.create_task(watch())
        await executed(agent, 4, done)
        ended = await watching
    assert sorted(done.values()) == [0, 1, 2, 3], "each once"
    assert ended.run.state == State.STATE_COMPLETED
    assert (ended.best.number, ended.best.best_value) == (3, 3)
    assert (ended.counts.total, ended.counts.completed, ended.planned_trials) == (4, 4, 4)
    assert [seen[number].hyperparameters["x"].integer for number in range(4)] == [0, 1, 2, 3]
    request = pb.ListSweepTrialsRequest(parent=sweep.run.name, best_first=True, page_size=3)
    page = await sweeps_of(service).ListSweepTrials(request)
    request.page_token = page.next_page_token
    rest = await sweeps_of(service).ListSweepTrials(request)
    assert [trial.number for trial in (*page.trials, *rest.trials)] == [3, 2, 1, 0]
    assert not rest.next_page_token
    found = await sweeps_of(service).ListSweepMetrics(pb.ListSweepMetricsRequest(parent=sweep.run.name, page_size=3))
    more = pb.ListSweepMetricsRequest(parent=sweep.run.name, page_size=3, page_token=found.next_page_token)
    points = [*found.points, *(await sweeps_of(service).ListSweepMetrics(more)).points]
    assert [(each.run.rpartition("_")[2], each.point.value.number) for each in points] == [
        (str(number), number) for number in range(4)
    ]


async def test_it_keeps_one_snapshot_for_all_and_shows_no_secret(service: Service) -> None:
    agent = await FakeAgent(service).connect(slots=2)
    sweep = await create(service)
    lease = next(iter((agent.first if agent.first.leases else await agent.next()).leases))
    assert lease.run.secret_environment_variables == {"KEY": "hidden"}
    assert "hidden" not in str(sweep)
    owners = [owner for owner in service.artifacts.references if "iris" in owner]
    assert owners == [sweep.run.name], "trials need no reference of their own before they have outputs"


async def test_all_trials_get_the_data_which_the_sweep_keeps(service: Service) -> None:
    agent = await FakeAgent(service).connect(slots=2)
    data = service.artifacts.tree("iris.csv")
    trial = described(service).trial
    trial.inputs.add(name="iris", tree=data)
    trial.arguments.extend(["--data", "${{inputs.iris}}"])
    sweep = await create(service, trial=trial)
    leases = list(agent.first.leases)
    while len(leases) < 2:
        leases += [lease for lease in (await agent.next()).leases if lease.id not in {each.id for each in leases}]
    assert [(each.name, each.tree) for lease in leases for each in lease.run.inputs] == [("iris", data)] * 2
    assert data in service.artifacts.references[sweep.run.name].trees


async def test_a_retry_returns_the_first_and_wrong_ones_change_nothing(service: Service) -> None:
    first = await create(service, "r1")
    assert (await create(service, "r1")).run.name == first.run.name
    wrong = sweeps_pb2.SweepParameter(name="x", uniform=sweeps_pb2.SweepRange(minimum=0, maximum=1))
    with pytest.raises(InvalidArgument, match="a grid needs choices"):
        await create(service, parameters=[wrong])
    for changed, words in (
        ({"goal": 0}, "MAXIMIZE or MINIMIZE"),
        ({"sampling": sweeps_pb2.SweepSampling()}, "one of GRID"),
        ({"parameters": [sweeps_pb2.SweepParameter(name="x")]}, "which values"),
        ({"policy": sweeps_pb2.SweepPolicy()}, "say which"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            await create(service, **changed)
    with pytest.raises(FailedPrecondition, match="snapshot has no"):
        trial = runs_pb2.Run(script="none.py", snapshot=service.artifacts.tree("train.py"), environment=READY)
        await create(service, trial=trial)
    listed = await service.runs.ListRuns(runs_service.ListRunsRequest(parent=PARENT, kinds=[runs_pb2.RUN_KIND_SWEEP]))
    assert len(listed.runs) == 1


async def test_only_people_begin_sweeps_and_readers_read_them(service: Service) -> None:
    sweep = await create(service)
    get = pb.GetSweepRequest(name=sweep.run.name)
    assert (await sweeps_of(service, Role.READER).GetSweep(get)).sweep.metric == "m"
    with pytest.raises(PermissionDenied):
        await sweeps_of(service, Role.READER).CreateSweep(pb.CreateSweepRequest(parent=PARENT))
    run = await service.submit()
    with pytest.raises(NotFound) as caught:
        await sweeps_of(service).GetSweep(pb.GetSweepRequest(name=run.name))
    assert caught.value.reason == "SWEEP_NOT_FOUND"


async def test_a_learning_sampler_that_is_asked_for_is_there(service: Service) -> None:
    """Its library is imported when the first trial is chosen, and works beside the calls."""
    agent = await FakeAgent(service).connect(slots=2)
    sampling = sweeps_pb2.SweepSampling(method=sweeps_pb2.SweepSampling.METHOD_TPE, seed=3)
    await create(service, sampling=sampling, max_total_runs=3)
    done: dict[str, float] = {}
    async with asyncio.timeout(30):
        await executed(agent, 3, done)
    assert len(done) == 3


async def test_a_watcher_that_looks_now_and_then_hears_of_the_end_at_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_watching, "PAUSE_SECONDS", 600)
    agent = await FakeAgent(service).connect(slots=2)
    sweep = await create(service)
    done: dict[str, float] = {}
    messages = aiter(sweeps_of(service).WatchSweep(pb.WatchSweepRequest(name=sweep.run.name)))
    async with asyncio.timeout(20):
        await anext(messages)
        await executed(agent, 4, done)
        last = [message async for message in messages][-1]
    assert last.end
    assert last.sweep.run.state == State.STATE_COMPLETED


async def test_watching_what_is_no_sweep_says_so(service: Service) -> None:
    run = await service.submit()
    with pytest.raises((NotFound, grpc.aio.AioRpcError)):
        async for _ in sweeps_of(service).WatchSweep(pb.WatchSweepRequest(name=run.name)):
            pass
