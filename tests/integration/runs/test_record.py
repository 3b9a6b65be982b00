"""The record of runs over the wire: logs that move while they are read, runs without agents, what is deleted."""

import asyncio
import math
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orris.errors import Conflict, FailedPrecondition, NotFound, PermissionDenied
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris_kit.auth import Role
from orris_runs.log_rows import NOTICE

from .conftest import PARENT, FakeAgent, Service, State, open_neighbours, until

EXPERIMENT = f"{PARENT}/experiments/iris"
MIB = 1024 * 1024


async def follow(service: Service, run: runs_pb2.Run, offset: int = 0) -> bytes:
    name, found, end = f"{run.name}/logs/user_logs/std_log.txt", bytearray(), False
    async for message in service.runs.ReadRunLog(pb.ReadRunLogRequest(name=name, offset=offset, follow=True)):
        assert message.offset == offset + len(found), "nothing twice, nothing left out"
        found += message.data
        end = message.end
    assert end
    return bytes(found)


async def begin(stub: Any, session: str = "", **run: Any) -> pb.CreateRunResponse:
    message = runs_pb2.Run(experiment=EXPERIMENT, kind=runs_pb2.RUN_KIND_INTERACTIVE, **run)
    made: pb.CreateRunResponse = await stub.CreateRun(pb.CreateRunRequest(parent=PARENT, run=message, session=session))
    return made


def point(name: str, value: float) -> runs_pb2.MetricPoint:
    kind = runs_pb2.MetricPoint.TYPE_SCALAR
    return runs_pb2.MetricPoint(metric=name, type=kind, value=runs_pb2.MetricValue(number=value))


async def test_who_follows_a_log_does_not_notice_that_it_moves(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    written = Random(1).randbytes(28 * MIB)
    following = asyncio.ensure_future(follow(service, run))
    late = []
    for at in range(0, len(written), MIB):
        if at == 12 * MIB:
            late = [asyncio.ensure_future(follow(service, run, begin)) for begin in (0, 9 * MIB + 7)]
        assert await agent.log(lease.id, at, written[at : at + MIB]) == at + MIB
    await until(lambda: len(service.artifacts.blobs) >= 2)
    kept = service.artifacts.references[run.name].blobs
    assert len(kept) >= 2, "what has moved is referred to while the run goes on"
    await agent.finish(lease.id)
    assert await following == written
    assert await late[0] == written
    assert await late[1] == written[9 * MIB + 7 :]
    await until(lambda: sum(map(len, service.artifacts.blobs.values())) == len(written))
    assert await follow(service, run) == written


async def test_a_log_over_its_cap_is_cut_off_with_a_notice(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service = await open_neighbours(stack, tmp_path, log_cap="100 KiB")
        agent = await FakeAgent(service).connect()
        run = await service.submit()
        lease = await agent.lease()
        request = agents_service_pb2.AppendRunLogRequest(
            lease_id=lease.id, file="user_logs/std_log.txt", data=b"x" * 150 * 1024
        )
        taken = await agent.stub.AppendRunLog(request)
        assert (taken.size, taken.full) == (150 * 1024, True)
        assert await agent.log(lease.id, 200 * 1024, b"", end=True) == 200 * 1024
        await agent.finish(lease.id)
        expected = b"x" * 100 * 1024 + NOTICE.format(dropped=100 * 1024).encode()
        assert await follow(service, run) == expected


async def test_one_report_brings_all_that_a_run_has_written_and_another_asks_where_to_go_on(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    report = agents_service_pb2.ReportRunRequest(lease_id=lease.id, state=State.STATE_RUNNING, warnings=["mind this"])
    report.logs.add(file="user_logs/std_log.txt", data=b"epoch 1\n")
    report.events.add(metric=point("loss", 0.5))
    report.samples.add(cpu_seconds=1, memory_bytes=MIB).time.GetCurrentTime()
    nothing = agents_service_pb2.ReportRunRequest(lease_id=lease.id)
    nothing.logs.add(file="a.log")
    for request in (report, report, nothing):
        heard = await agent.stub.ReportRun(request)
        assert (heard.cancel, heard.next_sequence) == (False, 1)
        assert [taken.size for taken in heard.logs] == [8 if request is report else 0]
    await service.runs.CancelRun(pb.CancelRunRequest(name=run.name))
    assert (await agent.stub.ReportRun(agents_service_pb2.ReportRunRequest(lease_id=lease.id))).cancel
    await agent.finish(lease.id, State.STATE_CANCELED)
    assert await follow(service, run) == b"epoch 1\n"
    known = (await service.runs.GetRun(pb.GetRunRequest(name=run.name))).run
    assert list(known.warnings) == ["mind this"]
    assert len((await service.runs.ListRunMetrics(pb.ListRunMetricsRequest(parent=run.name))).points) == 1


async def test_a_run_without_an_agent_tells_its_story(service: Service) -> None:
    stub = service.runs
    made = await begin(stub, tags={"k": "v"})
    name, session = made.run.name, made.session
    assert made.run.state == State.STATE_RUNNING
    assert made.patience.seconds > 0
    values = [1.5, math.nan, math.inf]
    events = [agents_service_pb2.RunEvent(metric=point("loss", value)) for value in values]
    record = pb.RecordRunEventsRequest(name=name, session=session, events=events)
    assert (await stub.RecordRunEvents(record)).next_sequence == 3
    await service.restart()
    stub = service.runs
    assert (await stub.RecordRunEvents(record)).next_sequence == 3, "sent again, after a restart"
    found = (await stub.ListRunMetrics(pb.ListRunMetricsRequest(parent=name))).points
    assert [str(each.value.number) for each in found] == ["1.5", "nan", "inf"]
    (summary,) = (await stub.SummarizeRunMetrics(pb.SummarizeRunMetricsRequest(parent=name))).metrics
    assert (summary.count, summary.minimum, summary.maximum) == (3, 1.5, math.inf)
    listed = (await stub.ListRuns(pb.ListRunsRequest(parent=PARENT))).runs
    assert [run.name for run in listed] == [name]
    end = pb.EndRunRequest(name=name, session=session, state=State.STATE_COMPLETED)
    for _ in range(2):
        assert (await stub.EndRun(end)).run.state == State.STATE_COMPLETED
    with pytest.raises(FailedPrecondition):
        await stub.RenewRun(pb.RenewRunRequest(name=name, session=session))


async def test_files_are_kept_as_they_come_and_the_last_tree_stays(service: Service) -> None:
    stub = service.runs
    made = await begin(stub)
    one, two = service.artifacts.tree("a"), service.artifacts.tree("a", "b")

    async def keep(outputs: str, previous: str) -> str:
        request = pb.KeepRunFilesRequest(name=made.run.name, outputs=outputs, previous_outputs=previous)
        return str((await stub.KeepRunFiles(request)).run.outputs)

    assert await keep(one, "") == one
    with pytest.raises(Conflict):
        await keep(two, "")
    assert await keep(two, one) == two
    with pytest.raises(NotFound):
        await keep(f"{PARENT}/trees/{'0' * 64}", two)
    await stub.EndRun(pb.EndRunRequest(name=made.run.name, session=made.session, state=State.STATE_FAILED))
    await until(lambda: list(service.artifacts.references[made.run.name].trees) == [two])


async def test_a_silent_program_fails_when_it_has_been_waited_for(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        service = await open_neighbours(stack, tmp_path, lease_duration=0.4, session_patience=0.2, session_duration=0.6)
        made = await begin(service.runs)
        await service.until(made.run, State.STATE_NOT_RESPONDING)
        assert (await service.until(made.run, State.STATE_FAILED)).error.code == runs_pb2.RunError.CODE_AGENT_LOST


async def test_a_runs_token_reaches_its_children_and_nobody_else(service: Service) -> None:
    agent = await FakeAgent(service).connect(slots=2)
    run, stranger = await service.submit(), await service.submit()
    lease = await agent.lease()
    own: Any = RunServiceStub(service.channel(Role.RUN, "default", run.name.rpartition("/")[2]))
    child = (await begin(own, parent_run=run.name)).run
    assert (await own.GetRun(pb.GetRunRequest(name=child.name))).run.parent_run == run.name
    await own.UpdateRun(pb.UpdateRunRequest(name=child.name, set_tags={"a": "b"}))
    listed = await own.ListRuns(pb.ListRunsRequest(parent=PARENT, parent_run=run.name))
    assert [each.name for each in listed.runs] == [child.name]
    refused: list[Any] = [
        begin(own),
        begin(own, parent_run=stranger.name),
        own.ListRuns(pb.ListRunsRequest(parent=PARENT, parent_run=stranger.name)),
        own.KeepRunFiles(pb.KeepRunFilesRequest(name=stranger.name, outputs=service.artifacts.tree("x"))),
        own.DeleteRun(pb.DeleteRunRequest(name=child.name)),
    ]
    for call in refused:
        with pytest.raises(PermissionDenied):
            await call
    event = agents_service_pb2.RunEvent(metric=point("a", 1), child=child.name.rpartition("/")[2])
    append = agents_service_pb2.AppendRunEventsRequest(lease_id=lease.id, events=[event])
    await agent.stub.AppendRunEvents(append)
    assert len((await service.runs.ListRunMetrics(pb.ListRunMetricsRequest(parent=child.name))).points) == 1
    await agent.finish(lease.id)
    assert (await service.get(child)).state == State.STATE_COMPLETED


async def test_what_a_deleted_run_kept_is_released(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    await agent.log(lease.id, 0, b"x" * 100_000)
    await agent.finish(lease.id, outputs=service.artifacts.tree("outputs/model.pkl"))
    assert run.name in service.artifacts.references
    stub = service.runs
    await stub.ArchiveRun(pb.ArchiveRunRequest(name=run.name))
    assert not (await stub.ListRuns(pb.ListRunsRequest(parent=EXPERIMENT))).runs
    await stub.DeleteRun(pb.DeleteRunRequest(name=run.name))
    with pytest.raises(NotFound):
        await service.get(run)
    await until(lambda: run.name not in service.artifacts.references)
