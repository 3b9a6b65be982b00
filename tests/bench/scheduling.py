"""Scheduling: how many decisions a second with a thousand agents and ten thousand waiting runs, and what they weigh."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_kit.changes import Changes
from orris_kit.database import open_database
from orris_runs.core import Core, make_core
from orris_runs.leases import Outcome
from orris_runs.model import Agent, NewRun, Prepared, Program
from orris_runs.schema import leases, metadata, runs
from orris_runs.states import State
from orris_runs.store import Store
from tests.bench.rows import Row, measured

AGENTS, FEW, RUNS, ROUNDS, AT_A_TIME, NOTED = 1000, 1000, 10_000, 3, 16, 250
EXPERIMENTS = 50
POOL = "bench"
TREE = f"workspaces/default/trees/{'a' * 64}"
NEW = NewRun(
    "default", "bench", Program(script="train.py", snapshot=TREE), image="workspaces/default/images/i", pool=POOL
)


def rows() -> Iterator[Row]:
    with _service() as core:
        _let_wait(core, FEW)
        few = [_give(core, FEW) for _ in range(ROUNDS)]
    with _service() as core:
        _let_wait(core, FEW)
        before = _memory()
        _let_wait(core, RUNS)
        grown = (_memory() - before) / (RUNS - FEW)
        many = [_give(core, RUNS) for _ in range(ROUNDS)]
        ends = [_end(core) for _ in range(ROUNDS)]
    row = f"scheduling: runs given to {AGENTS:,} free agents, with {RUNS:,} that wait"
    yield measured(row, "runs/s", [rate for rate, _ in many], goal=">= 2000 runs/s")
    row = f"scheduling: processor time of a decision with {RUNS:,} that wait / with {FEW:,}"
    yield measured(row, "us", [each * 1e6 for _, each in many], [each * 1e6 for _, each in few], goal="<= 1.2")
    yield measured("scheduling: ends of runs recorded, each followed by a run that waits", "runs/s", ends)
    yield measured("scheduling: memory of the service for each run that waits", "B", [grown], goal="< 1000 B")


@contextmanager
def _service() -> Iterator[Core]:
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'runs.db'}", "orris_runs", metadata)
        core = make_core(Store(engine, Changes()), lease_duration=3600)
        core.start()
        for number in range(AGENTS):
            core.pools.admit(Agent(f"agent-{number}", POOL, 1, 0))
        yield core
        engine.dispose()


def _let_wait(core: Core, count: int) -> None:
    """Submit runs, many at a time, until so many wait."""
    missing = count - _count(core, sa.select(sa.func.count()).where(runs.c.slot.is_not(None)))
    with ThreadPoolExecutor(AT_A_TIME) as clients:
        for begin in range(0, missing, NOTED):
            ids = [core.submission.new_id("bench") for _ in range(min(NOTED, missing - begin))]
            core.loose.begin([RunName("default", run_id) for run_id in ids])
            list(clients.map(partial(_submit, core), range(len(ids)), ids))


def _submit(core: Core, number: int, run_id: str) -> None:
    new = replace(NEW, experiment=f"bench-{number % EXPERIMENTS}")
    core.submission.submit(run_id, new, Prepared(image=NEW.image))


def _give(core: Core, waiting: int) -> tuple[float, float]:
    """Give a run to each agent; return how many are given away a second, and the seconds of processor time for each."""
    _let_wait(core, waiting)
    streams = [(f"agent-{number}", core.agents.open_stream(f"agent-{number}")) for number in range(AGENTS)]
    took, cpu = _times(lambda: core.queue.dispatch(POOL))
    assert _count(core, sa.select(sa.func.count()).select_from(leases)) == AGENTS
    for agent, number in streams:
        core.agents.close_stream(agent, number)
    _finish(core)
    return AGENTS / took, cpu / AGENTS


def _end(core: Core) -> float:
    """Let a run of each agent end, as the agents would say it: many at a time; return how many a second."""
    for number in range(AGENTS):
        core.agents.open_stream(f"agent-{number}")
    core.queue.dispatch(POOL)
    took, _ = _times(lambda: _finish(core))
    assert _count(core, sa.select(sa.func.count()).select_from(leases)) == AGENTS
    return AGENTS / took


def _finish(core: Core) -> None:
    with core.store.look() as connection:
        held = list(connection.execute(sa.select(leases.c.id)).scalars())
    with ThreadPoolExecutor(AT_A_TIME) as agents:
        list(agents.map(lambda lease: core.leases.finish(lease, Outcome(State.COMPLETED)), held))


def _times(action: Callable[[], object]) -> tuple[float, float]:
    """Return how many seconds it takes, and how many of processor time."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - begin, time.process_time() - begin_cpu


def _count(core: Core, chosen: sa.Select[Any]) -> int:
    with core.store.look() as connection:
        return int(connection.execute(chosen).scalar_one())


def _memory() -> int:
    """Return how much of the process is in memory now."""
    gc.collect()
    resident = Path("/proc/self/statm").read_text().split()[1]
    return int(resident) * os.sysconf("SC_PAGESIZE")
