"""Submitting: how many runs a second are accepted, and whether those who watch, or what is recorded, slow it down."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orris import Environment, Workspace
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import runs_service_pb2 as pb
from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
from orris.sdk.pools import Pool
from orris.sdk.submission import upload_folder
from orris_kit.client import connect
from orris_kit.database import write
from orris_kit.database.opening import make_engine
from tests.bench.rows import Row, measured
from tests.bench.standalone import home_folder, instance

PARENT = "workspaces/default"
CLIENTS, CHANNELS = 64, 4
SUBMITS, ROUNDS, STREAMS = 1500, 3, 1000
FEW, MANY, POINTS = 1_000, 100_000, 1_000_000
READS = 40


def rows() -> Iterator[Row]:
    with home_folder() as home:
        with instance(home):
            run = _prepare(home)
            rates, alone, watched = asyncio.run(_submitting(run))
        yield measured("queue: runs accepted", "runs/s", rates, goal=">= 500 runs/s")
        yield measured(f"queue: p99 of a submit with {STREAMS:,} open streams / with none", "s", watched, alone)
        few = _reading(home, FEW, 0)
        many = _reading(home, MANY, POINTS)
        for name in few:
            row = f"queue: {name} with {MANY:,} runs and {POINTS:,} points / with {FEW:,} runs"
            yield measured(row, "s", many[name], few[name], goal="<= 1.5")


def _prepare(home: Path) -> runs_pb2.Run:
    """Return a run that waits for a machine which nobody has."""
    workspace = Workspace.get("default")
    environment = Environment.from_existing_interpreter("bench", sys.executable)
    image = environment.build(workspace).wait_for_completion(show_output=False).image
    source = home / "source"
    source.mkdir()
    (source / "train.py").write_text("print(1)\n")
    Pool.create("nowhere", engine="")
    return runs_pb2.Run(
        experiment=f"{PARENT}/experiments/bench",
        script="train.py",
        snapshot=upload_folder(workspace, source),
        image=image,
        pool="nowhere",
    )


@asynccontextmanager
async def _stubs(count: int = CHANNELS) -> AsyncIterator[list[Any]]:
    connection = Workspace.get("default").connection
    channels = [connect(connection.address, lambda: connection.token or "") for _ in range(count)]
    try:
        yield [RunServiceStub(channel) for channel in channels]
    finally:
        for channel in channels:
            await channel.close()


async def _submitting(run: runs_pb2.Run) -> tuple[list[float], list[float], list[float]]:
    """Return runs accepted a second, and the 99th percentile of a submit, without and with open streams."""
    async with _stubs() as stubs:
        rounds = [await _submit(stubs, run, number) for number in range(ROUNDS)]
        names = [each.name for each in (await stubs[0].ListRuns(pb.ListRunsRequest(parent=PARENT, page_size=500))).runs]
        async with _watching(names):
            watched = [await _submit(stubs, run, number) for number in range(ROUNDS, 2 * ROUNDS)]
    return [rate for rate, _ in rounds], [p99 for _, p99 in rounds], [p99 for _, p99 in watched]


async def _submit(stubs: list[Any], run: runs_pb2.Run, number: int) -> tuple[float, float]:
    ids = iter(f"bench-{number}-{each}" for each in range(SUBMITS))
    took: list[float] = []

    async def client(stub: Any) -> None:
        for request_id in ids:
            begin = time.perf_counter()
            await stub.CreateRun(pb.CreateRunRequest(parent=PARENT, run=run, request_id=request_id))
            took.append(time.perf_counter() - begin)

    begin = time.perf_counter()
    await asyncio.gather(*(client(stubs[each % len(stubs)]) for each in range(CLIENTS)))
    return SUBMITS / (time.perf_counter() - begin), sorted(took)[int(0.99 * len(took))]


@asynccontextmanager
async def _watching(names: list[str]) -> AsyncIterator[None]:
    """Keep streams open, half of them of states, half of logs, as many as there are to be."""

    async def watch(stub: Any, name: str) -> None:
        async for _ in stub.WatchRun(pb.WatchRunRequest(name=name)):
            pass

    async def read(stub: Any, name: str) -> None:
        request = pb.ReadRunLogRequest(name=f"{name}/logs/user_logs/std_log.txt", follow=True)
        async for _ in stub.ReadRunLog(request):
            pass

    # A channel takes a hundred streams or so at a time.
    async with _stubs(STREAMS // 50) as stubs:
        open_ = [
            asyncio.create_task((watch, read)[each % 2](stubs[each % len(stubs)], names[each % len(names)]))
            for each in range(STREAMS)
        ]
        await asyncio.sleep(5)
        yield
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)


def _reading(home: Path, count: int, points: int) -> dict[str, list[float]]:
    """Return how long reading takes with so many runs in the database."""
    _fill(home, count, points)
    with instance(home):
        stub = Workspace.get("default").connection.runs
        newest = stub.ListRuns(pb.ListRunsRequest(parent=PARENT, page_size=1)).runs[0].name
        states = [runs_pb2.Run.STATE_COMPLETED]
        calls = {
            "list": lambda: stub.ListRuns(pb.ListRunsRequest(parent=PARENT, page_size=100)),
            "filter": lambda: stub.ListRuns(pb.ListRunsRequest(parent=PARENT, states=states, page_size=100)),
            "get": lambda: stub.GetRun(pb.GetRunRequest(name=newest)),
        }
        return {name: [_seconds(call) for _ in range(READS)] for name, call in calls.items()}


def _seconds(call: Any) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def _fill(home: Path, count: int, points: int) -> None:
    """Record runs that have completed like the first, and metric points, until there are so many: no others stay."""
    engine = make_engine(f"sqlite:///{home / 'runs' / 'runs.db'}", "orris_runs")
    with write(engine) as connection:
        columns = [each["name"] for each in sa.inspect(connection).get_columns("runs")]
        kept = ", ".join(f'"{name}"' for name in columns if name not in ("key", "id"))
        connection.exec_driver_sql("DELETE FROM requests")
        connection.exec_driver_sql("DELETE FROM run_properties")
        connection.exec_driver_sql("DELETE FROM run_tags")
        connection.exec_driver_sql("DELETE FROM metrics")
        connection.exec_driver_sql("DELETE FROM lines")
        connection.exec_driver_sql("DELETE FROM runs WHERE key > (SELECT min(key) FROM runs)")
        connection.exec_driver_sql("UPDATE runs SET state = 7, slot = NULL, end_time = create_time")
        numbers = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {})"
        connection.exec_driver_sql(
            f"{numbers.format(count - 1)} INSERT INTO runs (id, {kept}) SELECT id || n, {kept} FROM runs, numbers"
        )
        if points:
            connection.exec_driver_sql(
                f"{numbers.format(points)} INSERT INTO metrics (run_key, sequence, metric, type, time, value)"
                " SELECT (SELECT max(key) FROM runs), n, 'loss', 1, 0, '0.5' FROM numbers"
            )
    engine.dispose()
