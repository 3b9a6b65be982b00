"""From submit to the end, over the wire."""

import asyncio
from typing import Any

import pytest

from orris.artifacts.v1 import artifacts_pb2, data_pb2
from orris.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
)
from orris.runs.v1 import agents_service_pb2, runs_pb2, workspaces_service_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris_kit.auth import Principal, Role, TokenVerifier
from orris_kit.client import token_from
from orris_runs.demands import ABILITIES
from orris_runs.following import keep_at
from orris_runs.model import AHEAD
from tests.fakes.images import COLD, IMAGE

from .conftest import PARENT, FakeAgent, Service, State, until


async def follow(service: Service, run: runs_pb2.Run, file: str = "user_logs/std_log.txt", offset: int = 0) -> bytes:
    """Read a log to its end, which must have been said."""
    data, ended = b"", False
    request = pb.ReadRunLogRequest(name=f"{run.name}/logs/{file}", offset=offset, follow=True)
    async with asyncio.timeout(5):
        async for message in service.runs.ReadRunLog(request):
            assert message.offset == offset + len(data)
            data += message.data
            ended = message.end
    assert ended
    return data


async def metrics(service: Service, run: runs_pb2.Run, **query: Any) -> list[runs_pb2.MetricPoint]:
    return list((await service.runs.ListRunMetrics(pb.ListRunMetricsRequest(parent=run.name, **query))).points)


async def test_the_same_request_many_times_at_once_is_one_run_and_one_reference(service: Service) -> None:
    made = await asyncio.gather(*(service.submit(request_id="same", reuse=True) for _ in range(8)))
    (name,) = {run.name for run in made}
    found = (await service.runs.ListRuns(pb.ListRunsRequest(parent=PARENT))).runs
    assert [run.name for run in found] == [name]
    await until(lambda: list(service.artifacts.references) == [name])


async def test_all_creates_can_be_repeated(service: Service) -> None:
    create = workspaces_service_pb2.CreateWorkspaceRequest(workspace_id="lab", request_id="r1")
    workspaces = await asyncio.gather(*(service.workspaces.CreateWorkspace(create) for _ in range(4)))
    assert {answer.workspace.name for answer in workspaces} == {"workspaces/lab"}
    ask = pb.CreateExperimentRequest(parent=PARENT, experiment_id="e", request_id="r2")
    experiments = await asyncio.gather(*(service.runs.CreateExperiment(ask) for _ in range(4)))
    assert {answer.experiment.name for answer in experiments} == {f"{PARENT}/experiments/e"}


async def test_a_failure_that_is_not_the_programs_is_followed_by_another_attempt(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit(max_retries=1)
    first = await agent.lease()
    await agent.report(first.id, State.STATE_RUNNING)
    await agent.log(first.id, 0, b"one\n", end=True)
    reading = asyncio.ensure_future(follow(service, run))
    error = runs_pb2.RunError(code=runs_pb2.RunError.CODE_SYSTEM, message="the engine is gone")
    await agent.finish(first.id, State.STATE_FAILED, error=error, outputs=service.artifacts.tree("outputs/half"))
    assert "the next one begins at" in (await service.get(run)).state_reason
    second = await agent.lease()
    assert (second.run.name, second.run.attempt, second.id != first.id) == (run.name, 2, True)
    await agent.log(second.id, 0, b"two\n")
    await agent.finish(second.id, outputs=service.artifacts.tree("outputs/whole"))
    done = await service.until(run, State.STATE_COMPLETED)
    assert done.outputs == service.artifacts.tree("outputs/whole")
    assert [(each.number, each.error.message) for each in done.failed_attempts] == [(1, "the engine is gone")]
    lines = (await reading).splitlines()
    assert (lines[0], lines[2], len(lines)) == (b"one", b"two", 3)
    await until(lambda: service.artifacts.tree("outputs/half") not in service.artifacts.references[run.name].trees)


async def test_an_identical_run_has_the_results_of_the_first_which_are_kept_for_it(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    first, outputs = await service.submit(), service.artifacts.tree("outputs/model.pkl")
    await agent.finish((await agent.lease()).id, outputs=outputs)
    again = await service.submit(reuse=True)
    assert (again.state, again.reused_run, again.outputs) == (State.STATE_COMPLETED, first.name, outputs)
    assert set(service.artifacts.references[again.name].trees) == {again.snapshot, outputs}
    assert b"not executed" in await follow(service, again)


async def test_where_the_results_are_gone_an_identical_run_is_executed(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    await service.submit()
    outputs = service.artifacts.tree("outputs/model.pkl")
    await agent.finish((await agent.lease()).id, outputs=outputs)
    del service.artifacts.trees[outputs]
    again = await service.submit(reuse=True)
    assert (again.reused_run, (await agent.lease()).run.name) == ("", again.name)


async def test_an_experiment_runs_so_many_at_a_time_and_the_next_is_that_of_the_highest_priority(
    service: Service,
) -> None:
    agent = await FakeAgent(service).connect(slots=3)
    experiment = runs_pb2.Experiment(name=f"{PARENT}/experiments/iris", max_concurrent_runs=1)
    await service.runs.CreateExperiment(pb.CreateExperimentRequest(parent=PARENT, experiment_id="iris"))
    updated = await service.runs.UpdateExperiment(pb.UpdateExperimentRequest(experiment=experiment))
    assert updated.experiment.max_concurrent_runs == 1
    await service.submit()
    low, high = [await service.submit(priority=priority) for priority in (0, 5)]
    assert (await service.get(low)).state_reason == "experiment iris runs 1 at a time: 1 ahead of it"
    await agent.finish((await agent.lease()).id)
    assert (await agent.lease()).run.name == high.name
    assert (await service.get(high)).priority == 5


async def test_a_run_from_submit_to_its_end(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    assert agent.first.all
    watched = asyncio.ensure_future(service.until(await service.submit(), State.STATE_COMPLETED))
    lease = await agent.lease()
    reading = asyncio.ensure_future(follow(service, lease.run))
    assert not await agent.report(lease.id, State.STATE_RUNNING)
    assert await agent.log(lease.id, 0, b"epoch 1\n") == 8
    assert await agent.log(lease.id, 8, b"epoch 2\n", end=True) == 16
    value = runs_pb2.MetricValue(number=0.97)
    point = runs_pb2.MetricPoint(metric="Accuracy", type=runs_pb2.MetricPoint.TYPE_SCALAR, value=value)
    tag = agents_service_pb2.RunEvent.TagChange(key="t", value="v")
    events = [agents_service_pb2.RunEvent(metric=point), agents_service_pb2.RunEvent(tag=tag)]
    sent = agents_service_pb2.AppendRunEventsRequest(lease_id=lease.id, events=events)
    assert (await agent.stub.AppendRunEvents(sent)).next_sequence == 2
    sample = runs_pb2.UsageSample(cpu_seconds=1.5, memory_bytes=2**30)
    sample.time.FromJsonString("2026-01-01T00:00:02Z")
    used = agents_service_pb2.AppendRunUsageRequest(lease_id=lease.id, samples=[sample, runs_pb2.UsageSample()])
    await agent.stub.AppendRunUsage(used)
    read = "workspaces/default/datasets/d/versions/1"
    kept = service.artifacts.tree("iris.csv")
    service.data.versions[read] = data_pb2.DatasetVersion(name=read, tree=kept, id="what-it-is")
    await agent.stub.RecordRunDataset(agents_service_pb2.RecordRunDatasetRequest(lease_id=lease.id, dataset=read))
    readers = await service.runs.ListRuns(pb.ListRunsRequest(parent="workspaces/default", dataset=read))
    assert [each.name for each in readers.runs] == [lease.run.name]
    outputs = service.artifacts.tree("outputs/model.pkl")
    totals = runs_pb2.RunUsage(cpu_seconds=2.5, max_memory_bytes=2**31)
    await agent.finish(lease.id, outputs=outputs, usage=totals)
    done = await watched
    assert await reading == b"epoch 1\nepoch 2\n"
    assert (done.outputs, done.tags["t"], done.agent) == (outputs, "v", "agents/a1")
    assert [each.value.number for each in await metrics(service, done)] == [0.97]
    (used_then,) = (await service.runs.ListRunUsage(pb.ListRunUsageRequest(parent=done.name))).samples
    assert (used_then.time, used_then.cpu_seconds, used_then.memory_bytes, done.usage) == (
        sample.time,
        1.5,
        2**30,
        totals,
    )
    assert set(service.artifacts.references[done.name].trees) == {done.snapshot, outputs, kept}
    (asked,) = done.datasets_read
    assert (asked.dataset, asked.tree, asked.id) == (read, kept, "what-it-is")


async def test_a_lease_has_all_that_an_agent_needs(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit(secret_environment_variables={"KEY": "s"}, environment_variables={"A": "b"})
    lease = await agent.lease()
    assert lease.run.secret_environment_variables == {"KEY": "s"}
    assert lease.environment_variables == {"FROM_ENVIRONMENT": "yes"}
    assert lease.run.environment_variables == {"A": "b"}
    assert lease.image.lock.requirements
    assert lease.duration.seconds == 30
    holder = TokenVerifier(service.settings.public_key_path).authenticate(lease.run_token)
    assert (holder.role, holder.workspace, holder.run) == (Role.RUN, "default", run.name.rpartition("/")[2])
    assert not (await service.get(run)).secret_environment_variables


async def test_what_an_agent_hears_tells_when_its_leases_began_to_count(service: Service) -> None:
    """By one clock, so that it knows of a message that comes late how late it is."""
    agent = await FakeAgent(service).connect()
    await service.submit()
    message = await agent.next()
    request = agents_service_pb2.RenewLeasesRequest(agent=agent.name, lease_ids=[message.leases[0].id])
    renewed = await agent.stub.RenewLeases(request)
    told = [each.clock.ToMicroseconds() for each in (agent.first, message, renewed)]
    assert told == sorted(told)
    assert 0 < told[0] < told[2]


async def test_a_warm_submit_asks_nobody_for_its_environment(service: Service) -> None:
    await service.submit()
    before = service.images.calls.copy()
    await service.submit()
    assert service.images.calls == before
    assert service.artifacts.calls["ListTreeEntries"] == 1


async def test_the_same_request_submits_once_and_leaves_nothing_behind(service: Service) -> None:
    first = await service.submit(request_id="r1")
    assert (await service.submit(request_id="r1")).name == first.name
    await until(lambda: list(service.artifacts.references) == [first.name])


@pytest.mark.parametrize(
    ("changed", "error", "reason"),
    [
        ({"script": "missing.py"}, FailedPrecondition, "SCRIPT_NOT_IN_SNAPSHOT"),
        ({"script": "data"}, FailedPrecondition, "SCRIPT_NOT_IN_SNAPSHOT"),
        ({"script": "../train.py"}, InvalidArgument, "INVALID_RUN"),
        ({"snapshot": f"{PARENT}/trees/{'0' * 64}"}, NotFound, "TREE_NOT_FOUND"),
        ({"script": "", "command": ["true"], "snapshot": f"{PARENT}/trees/{'0' * 64}"}, NotFound, "TREE_NOT_FOUND"),
        ({"environment": f"{PARENT}/environments/unknown"}, NotFound, "ENVIRONMENT_NOT_FOUND"),
        ({"environment": "", "image": f"{PARENT}/images/unknown"}, NotFound, "IMAGE_NOT_FOUND"),
        ({"experiment": "workspaces/other/experiments/e"}, InvalidArgument, "INVALID_RUN"),
        ({"kind": 77}, InvalidArgument, "INVALID_ARGUMENT"),
    ],
)
async def test_a_bad_run_is_refused_and_leaves_nothing(
    service: Service, changed: dict[str, Any], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error) as caught:
        await service.submit(**changed)
    assert caught.value.reason == reason  # type: ignore[attr-defined]  # all of them have one
    await until(lambda: service.artifacts.references == {})
    if reason == "SCRIPT_NOT_IN_SNAPSHOT":
        assert "train.py" in str(caught.value)


async def test_a_run_waits_for_its_build_and_shows_its_log(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit(environment=COLD)
    other = await service.submit(environment=COLD)
    assert (run.state, run.build) == (State.STATE_PREPARING, other.build)
    reading = asyncio.ensure_future(follow(service, run, "azureml-logs/20_image_build_log.txt"))
    build = service.images.build()
    build.say(b"resolving\n")
    await asyncio.sleep(0.05)
    build.say(b"installing\n")
    build.end(image=IMAGE, warnings=("another Python",))
    lease = await agent.lease()
    assert (lease.run.name, lease.run.image, list(lease.run.warnings)) == (run.name, IMAGE, ["another Python"])
    assert await reading == b"resolving\ninstalling\n"


async def test_a_build_that_fails_fails_the_run_with_its_reason(service: Service) -> None:
    run = await service.submit(environment=COLD)
    reading = asyncio.ensure_future(follow(service, run))
    service.images.build().end(error="no such package: sklern")
    failed = await service.until(run, State.STATE_FAILED)
    assert failed.error.code == runs_pb2.RunError.CODE_ENVIRONMENT
    assert "sklern" in failed.error.message
    assert await reading == b""


async def test_a_lease_whose_image_is_gone_fails_its_run_only(service: Service) -> None:
    run = await service.submit()
    await service.restart()
    service.images.lost_images.add(IMAGE)
    await FakeAgent(service).connect()
    failed = await service.until(run, State.STATE_FAILED)
    assert failed.error.code == runs_pb2.RunError.CODE_ENVIRONMENT


async def test_who_waits_for_the_end_is_told_of_nothing_else(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    watched = service.runs.WatchRun(pb.WatchRunRequest(name=run.name, final_only=True))
    ending = asyncio.ensure_future(_all_of(watched))
    lease = await agent.lease()
    await agent.report(lease.id, State.STATE_RUNNING)
    await agent.report(lease.id, State.STATE_FINALIZING)
    await agent.finish(lease.id)
    async with asyncio.timeout(5):
        assert [message.run.state for message in await ending] == [State.STATE_COMPLETED]
    again = service.runs.WatchRun(pb.WatchRunRequest(name=run.name, final_only=True))
    assert [message.run.state for message in await _all_of(again)] == [State.STATE_COMPLETED]


@pytest.mark.parametrize("final_only", [True, False])
async def test_who_watches_is_told_of_the_logs_with_the_end(service: Service, final_only: bool) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    watched = asyncio.ensure_future(
        _all_of(service.runs.WatchRun(pb.WatchRunRequest(name=run.name, final_only=final_only)))
    )
    lease = await agent.lease()
    await agent.report(lease.id, State.STATE_RUNNING)
    await agent.log(lease.id, 0, b"abc")
    await service.until(run, State.STATE_RUNNING)
    await agent.report(lease.id, State.STATE_FINALIZING)
    await agent.finish(lease.id)
    async with asyncio.timeout(5):
        *before, last = await watched
    assert not any(message.logs for message in before)
    listed = await service.runs.ListRunLogs(pb.ListRunLogsRequest(parent=run.name))
    assert last.logs == listed.logs
    assert {(log.name.partition("/logs/")[2], log.size, log.complete) for log in last.logs} == {
        ("azureml-logs/70_driver_log.txt", 3, True), ("user_logs/std_log.txt", 3, True),
    }  # fmt: skip


async def _all_of(stream: Any) -> list[Any]:
    return [message async for message in stream]


async def test_a_gap_in_a_log_says_where_to_go_on(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    await service.submit()
    lease = await agent.lease()
    await agent.log(lease.id, 0, b"abc")
    assert await agent.log(lease.id, 5, b"x") == 3
    alone = agents_service_pb2.AppendRunLogRequest(lease_id=lease.id, file="user_logs/std_log.txt", offset=5, data=b"x")
    with pytest.raises(OutOfRange) as caught:
        await agent.stub.AppendRunLog(alone)
    assert (caught.value.reason, caught.value.metadata["size"]) == ("LOG_GAP", "3")
    assert await agent.log(lease.id, 1, b"bcdef") == 6


async def test_a_follower_goes_on_from_an_offset_and_ends_with_the_run(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    await agent.log(lease.id, 0, b"abcdef")
    reading = asyncio.ensure_future(follow(service, run, "azureml-logs/70_driver_log.txt", offset=3))
    await asyncio.sleep(0.05)
    await agent.finish(lease.id, State.STATE_FAILED)
    assert await reading == b"def"


async def test_a_log_that_never_was_is_not_found_after_the_end(service: Service) -> None:
    run = await service.submit()
    name = f"{run.name}/logs/user_logs/std_log.txt"
    request = pb.ReadRunLogRequest(name=name)
    assert [message async for message in service.runs.ReadRunLog(request)] == []
    await service.runs.CancelRun(pb.CancelRunRequest(name=run.name))
    assert await follow(service, run) == b""
    with pytest.raises(NotFound) as caught:
        [message async for message in service.runs.ReadRunLog(request)]
    assert caught.value.reason == "LOG_NOT_FOUND"


async def test_a_large_log_moves_to_the_artifacts_unnoticed(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    data = bytes(range(256)) * 1000
    await agent.log(lease.id, 0, data)
    service.artifacts.down = True
    await agent.finish(lease.id)
    assert await follow(service, run) == data
    service.artifacts.down = False
    async with asyncio.timeout(10):
        while not service.artifacts.references[run.name].blobs:  # noqa: ASYNC110  # a fake has no event for it
            await asyncio.sleep(0.02)
    assert list(service.artifacts.blobs.values()) == [data]
    assert await follow(service, run, offset=1000) == data[1000:]
    await agent.finish(lease.id)
    assert service.artifacts.references[run.name].blobs


async def test_a_log_that_cannot_be_archived_holds_up_no_other(service: Service) -> None:
    agent = await FakeAgent(service).connect(slots=2)
    first, second = await service.submit(), await service.submit()
    for lease in ((await agent.lease()), (await agent.lease())):
        service.artifacts.refused = {first.name}
        await agent.log(lease.id, 0, lease.run.name.encode() * 5000)
        await agent.finish(lease.id)
    async with asyncio.timeout(5):
        while not service.artifacts.references[second.name].blobs:  # noqa: ASYNC110  # a fake has no event for it
            await asyncio.sleep(0.02)
    assert await follow(service, first) == first.name.encode() * 5000


async def test_work_beside_the_calls_begins_again_where_it_failed() -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)
        raise ValueError("unexpected")

    task = asyncio.create_task(keep_at(work, retry_seconds=0))
    while len(begun) < 3:  # noqa: ASYNC110  # counts the beginnings
        await asyncio.sleep(0)
    task.cancel()


async def test_outputs_that_are_not_stored_are_refused(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    await service.submit()
    lease = await agent.lease()
    with pytest.raises(NotFound) as caught:
        await agent.finish(lease.id, outputs=f"{PARENT}/trees/{'0' * 64}")
    assert caught.value.reason == "TREE_NOT_FOUND"
    with pytest.raises(InvalidArgument):
        await agent.finish(lease.id, outputs=f"workspaces/other/trees/{'0' * 64}")


async def test_a_cancel_reaches_the_agent_through_its_stream(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    await agent.report(lease.id, State.STATE_RUNNING)
    await service.runs.CancelRun(pb.CancelRunRequest(name=run.name, reason="wrong data"))
    again = await agent.lease()
    assert (again.id, again.cancel) == (lease.id, True)
    await agent.finish(lease.id, State.STATE_CANCELED)
    assert "wrong data" in (await service.get(run)).state_reason


async def test_a_lost_agent_fails_its_run(hasty: Service) -> None:
    agent = await FakeAgent(hasty).connect()
    run = await hasty.submit()
    lease = await agent.lease()
    await agent.report(lease.id, State.STATE_RUNNING)
    assert (await hasty.until(run, State.STATE_NOT_RESPONDING)).state_reason
    failed = await hasty.until(run, State.STATE_FAILED)
    assert failed.error.code == runs_pb2.RunError.CODE_AGENT_LOST
    for call in (agent.log(lease.id, 0, b"x"), agent.finish(lease.id), agent.report(lease.id, State.STATE_RUNNING)):
        with pytest.raises(FailedPrecondition) as caught:
            await call
        assert caught.value.reason == "LEASE_LOST"


async def test_a_run_that_was_leased_ahead_and_cannot_begin_goes_to_another_agent(service: Service) -> None:
    agent = FakeAgent(service)
    agent.abilities = ABILITIES | {AHEAD}
    await agent.connect()
    runs = [await service.submit() for _ in range(3)]
    first = await agent.lease()
    await agent.report(first.id, State.STATE_RUNNING)
    await agent.finish(first.id)
    leases = {lease.run.name: lease.id for lease in (await agent.next()).leases}
    assert set(leases) == {run.name for run in runs[1:]}
    await agent.report(leases[runs[1].name], State.STATE_RUNNING)
    back = agents_service_pb2.ReturnRunRequest(lease_id=leases[runs[2].name])
    await agent.stub.ReturnRun(back)
    with pytest.raises(FailedPrecondition, match="no longer held"):
        await agent.stub.ReturnRun(back)
    assert (await service.get(runs[2])).agent == ""
    another = await FakeAgent(service, "agents/a2").connect()
    (lease,) = another.first.leases or (await another.next()).leases
    assert lease.run.name == runs[2].name


async def test_small_outputs_come_with_the_end(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    entries = [artifacts_pb2.TreeEntry(path="outputs/model.joblib")]
    files = artifacts_pb2.SmallFiles(entries=entries)
    with pytest.raises(InvalidArgument, match="outputs: leave it empty"):
        await agent.finish(lease.id, output_files=files, outputs=run.snapshot)
    await agent.finish(lease.id, output_files=files)
    outputs = (await service.get(run)).outputs
    assert service.artifacts.trees[outputs] == ["outputs/model.joblib"]
    assert set(service.artifacts.references[run.name].trees) == {run.snapshot, outputs}


async def test_a_newer_stream_ends_the_older(service: Service) -> None:
    old = await FakeAgent(service).connect()
    await service.submit()
    lease = await old.lease()
    new = FakeAgent(service)
    await new.reconnect()
    assert new.first.all
    assert [each.id for each in new.first.leases] == [lease.id]
    with pytest.raises(StopAsyncIteration):
        await old.next()


async def test_a_restart_in_the_middle_loses_nothing(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    running = await service.submit(request_id="r1")
    waiting = await service.submit()
    preparing = await service.submit(environment=COLD)
    lease = await agent.lease()
    await agent.report(lease.id, State.STATE_RUNNING)
    await agent.log(lease.id, 0, b"before ")
    build = service.images.build()
    build.say(b"one ")
    await service.restart()
    build.say(b"two")
    assert (await service.submit(request_id="r1")).name == running.name
    agent = FakeAgent(service)
    await agent.reconnect()
    assert [each.id for each in agent.first.leases] == [lease.id]
    await agent.log(lease.id, 7, b"after", end=True)
    assert await follow(service, running) == b"before after"
    await agent.finish(lease.id)
    assert (await agent.lease()).run.name == waiting.name
    build.end(image=IMAGE)
    assert await follow(service, preparing, "azureml-logs/20_image_build_log.txt") == b"one two"
    assert (await service.until(preparing, State.STATE_QUEUED)).image == IMAGE


async def test_a_stop_ends_open_streams_at_once(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    await agent.log(lease.id, 0, b"x")
    streams = [asyncio.ensure_future(follow(service, run)) for _ in range(3)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(60):  # waiting for the streams would take all the grace
        await service.server.stop(600)
    assert all(isinstance(each, Exception) for each in await asyncio.gather(*streams, return_exceptions=True))


async def test_a_run_sees_and_changes_itself_only(service: Service) -> None:
    mine, other = await service.submit(), await service.submit()
    stub: Any = RunServiceStub(service.channel(Role.RUN, "default", mine.name.rpartition("/")[2]))
    changed = await stub.UpdateRun(pb.UpdateRunRequest(name=mine.name, set_tags={"a": "b"}))
    assert changed.run.tags == {"a": "b"}
    assert (await stub.GetRun(pb.GetRunRequest(name=mine.name))).run.name == mine.name
    with pytest.raises(PermissionDenied):
        await stub.GetRun(pb.GetRunRequest(name=other.name))
    with pytest.raises(PermissionDenied):
        await stub.ListRuns(pb.ListRunsRequest(parent=PARENT))
    with pytest.raises(PermissionDenied):
        await stub.UpdateRun(pb.UpdateRunRequest(name=other.name, set_tags={"a": "b"}))
    with pytest.raises(PermissionDenied):
        await stub.CancelRun(pb.CancelRunRequest(name=mine.name))


async def test_a_long_list_comes_in_messages_that_pass(service: Service) -> None:
    arguments = ["x" * 100_000] * 5
    made = [(await service.submit(arguments=arguments)).name for _ in range(12)]
    listed: list[str] = []
    token = ""
    while True:
        answer = await service.runs.ListRuns(pb.ListRunsRequest(parent=PARENT, page_size=1000, page_token=token))
        listed += [run.name for run in answer.runs]
        token = answer.next_page_token
        if not token:
            break
    assert listed == made[::-1]


async def test_workspaces_and_tokens(service: Service) -> None:
    stub = service.workspaces
    await stub.CreateWorkspace(workspaces_service_pb2.CreateWorkspaceRequest(workspace_id="lab"))
    request = workspaces_service_pb2.CreateTokenRequest(
        parent="workspaces/lab", role=runs_pb2.ROLE_READER, subject="bob"
    )
    token = (await stub.CreateToken(request)).token
    holder = TokenVerifier(service.settings.public_key_path).authenticate(token)
    assert holder == Principal("bob", Role.READER, "lab")
    listed = await stub.ListWorkspaces(workspaces_service_pb2.ListWorkspacesRequest())
    assert [each.name for each in listed.workspaces] == ["workspaces/default", "workspaces/lab"]
    with pytest.raises(NotFound):
        request.parent = "workspaces/no"
        await stub.CreateToken(request)


async def test_the_first_start_makes_the_tokens_that_others_find(service: Service) -> None:
    verifier = TokenVerifier(service.settings.public_key_path)
    for role in (Role.USER, Role.SERVICE, Role.AGENT):
        path = service.settings.home / f"{role.value}.token"
        assert path.stat().st_mode & 0o777 == 0o600
        token = token_from(path)()
        assert token is not None
        assert verifier.authenticate(token) == Principal(role.value, role)
    assert service.settings.signing_key_path.stat().st_mode & 0o777 == 0o600
