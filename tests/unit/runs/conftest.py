"""The rules of runs over databases of each kind, with a clock that tests move."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from orris.names import RunName
from orris_kit.changes import Changes
from orris_kit.database import open_database
from orris_runs.core import Core, make_core
from orris_runs.demands import ABILITIES
from orris_runs.leases import Outcome
from orris_runs.logs import LogSizes
from orris_runs.model import Agent, Kind, NewRun, Prepared, Program, Run
from orris_runs.reporting import Report
from orris_runs.schema import metadata
from orris_runs.states import State
from orris_runs.store import Store
from tests.servers.databases import NewDatabase

DURATION, MARGIN = 30.0, 10.0
TREE = f"workspaces/default/trees/{'a' * 64}"
IMAGE = "workspaces/default/images/i1"
BUILD = "workspaces/default/builds/b1"
NEW = NewRun("default", "iris", Program(script="train.py", snapshot=TREE), image=IMAGE)


@dataclass
class FakeClock:
    """A clock that stands still until a test moves it."""

    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    seconds: float = 1000.0

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class World:
    """The rules and their clock; `reopen` is what a restart of the service does."""

    url: str
    clock: FakeClock = field(default_factory=FakeClock)
    notified: list[Any] = field(default_factory=list)
    log_sizes: LogSizes = field(default_factory=LogSizes)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self.core = self._open()

    def _open(self) -> Core:
        self.engine = open_database(self.url, "orris_runs", metadata)
        changes = Changes()
        setattr(changes, "notify", self.notified.append)  # noqa: B010  # what would be woken, in order
        store = Store(self.engine, changes, self.clock, lambda: f"{next(self._numbers):032x}")
        core = make_core(
            store,
            lease_duration=DURATION,
            lease_margin=MARGIN,
            log_sizes=self.log_sizes,
            engines={"fake": lambda: ("queue", "account"), "bare": tuple},
        )
        core.start()
        return core

    def reopen(self) -> None:
        self.engine.dispose()
        self.core = self._open()

    def new_id(self) -> str:
        """Return the id of a run that is about to be recorded."""
        run_id = self.core.submission.new_id("iris")
        self.core.loose.begin([RunName("default", run_id)])
        return run_id

    def submit(self, prepared: Prepared | None = None, **changed: Any) -> Run:
        new = replace(NEW, **changed)
        with self.core.store.change() as change:
            self.core.pools.ensure(change, new.pool)
        self.core.submission.check(new)
        return self.core.submission.submit(self.new_id(), new, prepared or Prepared(image=new.image))

    def submit_preparing(self, **changed: Any) -> Run:
        return self.submit(Prepared(environment="e", build=BUILD), **changed)

    def agent(
        self, name: str = "a1", slots: int = 1, replica_slots: int = 0, pool: str = "local", **offered: Any
    ) -> str:
        """Register an agent and open its stream; it gets what waits."""
        offered.setdefault("abilities", ABILITIES)
        self.core.agents.register(Agent(name, pool, slots, replica_slots, **offered))
        self.core.agents.open_stream(name)
        self.core.queue.dispatch(pool)
        return name

    def get(self, run: Run) -> Run:
        return self.core.reading.get(run.workspace, run.id)

    def lease_of(self, run: Run, agent: str = "a1") -> str:
        return next(lease.id for lease in self.core.leases.of_agent(agent) if lease.run.key == run.key)

    def start(self, agent: str = "a1", **changed: Any) -> tuple[Run, str]:
        """Submit a run and let its agent report that it runs."""
        run = self.submit(**changed)
        lease = self.lease_of(run, agent)
        self.report(lease, State.RUNNING)
        return run, lease

    def report(self, lease: str, state: State, reason: str = "", time: datetime | None = None) -> bool:
        """Say where a run stands; return whether it is to be canceled."""
        return self.core.reporting.report(lease, Report(state, reason, time)).cancel

    def finish(self, lease: str, state: State = State.COMPLETED, **outcome: Any) -> None:
        self.core.leases.finish(lease, Outcome(state, **outcome))


@pytest.fixture
def world(new_database: NewDatabase) -> Iterator[World]:
    made = World(new_database("orris_runs", metadata))
    yield made
    made.engine.dispose()


@pytest.fixture
def core(world: World) -> Core:
    return world.core


@pytest.fixture
def replica() -> dict[str, Any]:
    return {"kind": Kind.REPLICA}
