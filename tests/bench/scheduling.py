"""Scheduling: how many decisions a second with a thousand agents and ten thousand waiting runs, and what they weigh."""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from orris.names import RunName
from orris_kit.changes import Changes
from orris_kit.database import open_database
from orris_runs.core import Core, make_core
from orris_runs.leases import Outcome
from orris_runs.model import Agent, NewRun, Prepared, Program
from orris_runs.schema import leases, metadata
from orris_runs.states import State
from orris_runs.store import Store
from tests.bench.rows import Row, measured

AGENTS, RUNS, DECISIONS, ROUNDS, AT_A_TIME = 1000, 10_000, 1000, 3, 16
POOL = "bench"
TREE = f"workspaces/default/trees/{'a' * 64}"
NEW = NewRun(
    "default", "bench", Program(script="train.py", snapshot=TREE), image="workspaces/default/images/i", pool=POOL
)


def rows() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        engine = open_database(f"sqlite:///{Path(folder) / 'runs.db'}", "orris_runs", metadata)
        core = make_core(Store(engine, Changes()), lease_duration=3600)
        core.start()
        for number in range(AGENTS):
            core.pools.admit(Agent(f"agent-{number}", POOL, 1, 0))
        before = _memory()
        for _ in range(RUNS):
            _submit(core)
        gc.collect()
        grown = (_memory() - before) / RUNS
        given = time.perf_counter()
        for number in range(AGENTS):
            core.agents.open_stream(f"agent-{number}")
        core.queue.dispatch(POOL)
        first = AGENTS / (time.perf_counter() - given)
        row = f"scheduling: runs given to {AGENTS:,} free agents, with {RUNS:,} that wait"
        yield measured(row, "runs/s", [first], goal=">= 2000 runs/s")
        rates = [_decide(core) for _ in range(ROUNDS)]
        yield measured("scheduling: ends of runs recorded, each followed by a run that waits", "runs/s", rates)
        yield measured("scheduling: memory of the service for each run that waits", "B", [grown], goal="< 1000 B")
        engine.dispose()


def _submit(core: Core) -> None:
    run_id = core.submission.new_id("bench")
    core.loose.begin([RunName("default", run_id)])
    core.submission.submit(run_id, NEW, Prepared(image=NEW.image))


def _decide(core: Core) -> float:
    """Let so many runs end, as their agents would say it: many at a time; return how many a second."""
    with core.store.look() as connection:
        held = list(connection.execute(sa.select(leases.c.id).limit(DECISIONS)).scalars())
    begin = time.perf_counter()
    with ThreadPoolExecutor(AT_A_TIME) as agents:
        list(agents.map(lambda lease: core.leases.finish(lease, Outcome(State.COMPLETED)), held))
    took = time.perf_counter() - begin
    with core.store.look() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(leases)).scalar_one() == AGENTS
    return len(held) / took


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
