"""What runs are made of, as the rules see it. The numbers of the enumerations are the contract's."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum, StrEnum

from orris.names import RunName
from orris_runs.data import Input, OutputTo, Produced, Read
from orris_runs.demands import (
    AS_FOLDER,
    CHOOSING_OUTPUTS,
    DATA,
    NO_DEMANDS,
    NO_RESOURCES,
    SPREADING,
    Demands,
    Isolation,
    Resources,
)
from orris_runs.states import FINAL, State

Scalar = float | int | bool | str | None

DEFAULT_POOL = "local"
# What a program prints.
STD_LOG = "user_logs/std_log.txt"


class Kind(IntEnum):
    """What a run is for."""

    TRAINING = 1
    CONVERSION = 2
    REPLICA = 3
    INTERACTIVE = 4
    SWEEP = 5


# What users begin, and lists have unless they are asked for other kinds.
USERS_KINDS = (Kind.TRAINING, Kind.INTERACTIVE, Kind.SWEEP)
# The ability of an agent to have a run ready before there is a place for it.
AHEAD = "ahead"
# What no agent executes.
WITHOUT_AGENT = frozenset({Kind.INTERACTIVE, Kind.SWEEP})


class Distribution(IntEnum):
    """How the work of one program is spread over the machines of its pool."""

    NONE = 0
    JOBLIB = 1


class Slot(StrEnum):
    """What a run occupies on an agent: work comes to an end, a replica does not."""

    WORK = "work"
    REPLICA = "replica"


class ErrorCode(IntEnum):
    """Why a run failed, for programs."""

    USER_PROGRAM = 1
    ENVIRONMENT = 2
    TIME_LIMIT = 3
    AGENT_LOST = 4
    SYSTEM = 5
    OUT_OF_MEMORY = 6
    PREEMPTED = 7
    DATA = 10


class MetricType(IntEnum):
    """How a metric was logged."""

    SCALAR = 1
    LIST = 2
    ROW = 3
    TABLE = 4
    ARTIFACT = 5


CELLS = frozenset({MetricType.ROW, MetricType.TABLE})


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run ended otherwise than well. `details` are the last lines of its output, `label` its own word."""

    code: ErrorCode
    message: str
    exit_code: int | None = None
    signal: int = 0
    details: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class Used:
    """What a run used, all its processes together: processor seconds, and the most memory in bytes."""

    cpu_seconds: float
    max_memory_bytes: int


@dataclass(frozen=True, slots=True)
class UsageSample:
    """What a run used until `time`, and the most memory since the sample before; `cpus`: processors busy since then."""

    time: datetime
    cpu_seconds: float
    memory_bytes: int
    cpus: float = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to execute a run that failed, and was followed by another."""

    number: int
    agent: str
    start_time: datetime | None
    end_time: datetime
    error: RunError


@dataclass(frozen=True, slots=True)
class Program:
    """What a run executes, fixed when it is submitted. `time_limit` is in seconds; None: no limit.

    `trace` is the traceparent of whoever submitted it. `defaults` are the variables that the environment sets;
    `variables`, the run's own, win.
    """

    script: str = ""
    arguments: Sequence[str] = ()
    command: Sequence[str] = ()
    snapshot: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)
    time_limit: float | None = None
    trace: str = ""
    distribution: Distribution = Distribution.NONE
    inputs: Sequence[Input] = ()
    outputs_to: Sequence[OutputTo] = ()

    @property
    def trees(self) -> list[str]:
        """The trees that it needs."""
        return sorted({each for each in (self.snapshot, *(its.tree for its in self.inputs)) if each})

    @property
    def abilities(self) -> frozenset[str]:
        """What an agent has to know how to do to execute it."""
        needed = {
            DATA: self.inputs or self.outputs_to,
            CHOOSING_OUTPUTS: any(each.chooses for each in self.outputs_to),
            AS_FOLDER: any(each.as_folder for each in self.inputs),
            SPREADING: self.distribution is not Distribution.NONE,
        }
        return frozenset(ability for ability, needs in needed.items() if needs)


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run as it is asked for. References are resource names as given; `experiment` is an id."""

    workspace: str
    experiment: str
    program: Program
    kind: Kind = Kind.TRAINING
    display_name: str = ""
    parent_run: str = ""
    environment: str = ""
    image: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    pool: str = DEFAULT_POOL
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    demands: Demands = NO_DEMANDS
    submitted_by: str = ""
    priority: int = 0
    max_retries: int = 0
    reuse: bool = False

    @property
    def slot(self) -> Slot:
        """What it will occupy on an agent."""
        return Slot.REPLICA if self.kind is Kind.REPLICA else Slot.WORK

    @property
    def needs(self) -> Demands:
        """What it asks for, and what its program needs besides."""
        return replace(self.demands, abilities=self.program.abilities)

    @property
    def refers(self) -> bool:
        """Whether something may be kept for it at the artifacts when it is recorded."""
        return bool(self.program.trees) or self.reuse


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of the environment that a run named: its image, or the build that will make it."""

    environment: str = ""
    image: str = ""
    build: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    warnings: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run as it stands. `key` is its place in the order of submission, known inside this service only."""

    key: int
    workspace: str
    id: str
    display_name: str
    experiment: str
    kind: Kind
    parent_run: str
    state: State
    state_reason: str
    program: Program
    environment: str
    image: str
    build: str
    pool: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    submitted_by: str
    create_time: datetime
    start_time: datetime | None
    end_time: datetime | None
    error: RunError | None
    warnings: Sequence[str]
    outputs: str
    agent: str
    address: str
    left_behind: Sequence[str]
    demands: Demands
    used: Used | None
    archived: bool = False
    priority: int = 0
    max_retries: int = 0
    failed_attempts: Sequence[Attempt] = ()
    retry_time: datetime | None = None
    reuse: bool = False
    reused_run: str = ""
    queued_time: datetime | None = None
    leased_time: datetime | None = None
    finalizing_time: datetime | None = None
    final_time: datetime | None = None
    produced: Sequence[Produced] = ()
    early_stopped: str = ""
    datasets_read: Sequence[Read] = ()

    @property
    def attempt(self) -> int:
        """The number of the attempt that is made, or was the last, from 1."""
        return len(self.failed_attempts) + 1

    @property
    def name(self) -> str:
        """The resource name."""
        return str(RunName(self.workspace, self.id))

    @property
    def final(self) -> bool:
        """Whether nothing about it will happen any more."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class RunLog:
    """A log file of a run: its size in bytes, and whether nothing more will come."""

    file: str
    size: int
    complete: bool


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One logged value; `cells` (by column) for ROW and TABLE, `value` for all others."""

    metric: str
    type: MetricType
    time: datetime
    step: int | None = None
    value: Scalar = None
    cells: Mapping[str, Scalar] = field(default_factory=dict)
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class TagChange:
    """A tag set, or removed (`value` is None)."""

    key: str
    value: str | None


@dataclass(frozen=True, slots=True)
class PropertyChange:
    """A property set."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where a replica answers, `host:port`."""

    address: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that could not be read, and why. It keeps the sequence without gaps."""

    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What people are to know of a run that goes on."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The end of an interactive run that is part of another."""

    state: State
    error: RunError | None = None


@dataclass(frozen=True, slots=True)
class ChildEvent:
    """An event of an interactive run that is part of the reporting one, by its id."""

    child: str
    event: MetricPoint | TagChange | PropertyChange | End | Address | Unreadable | Warned


Event = MetricPoint | TagChange | PropertyChange | Address | Unreadable | Warned | End | ChildEvent


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """What all points of a metric come to; of numbers that can be compared, the smallest and the largest."""

    metric: str
    count: int
    last: MetricPoint
    minimum: float | None
    maximum: float | None


@dataclass(frozen=True, slots=True)
class Agent:
    """A machine, or a part of one, that executes runs.

    isolations: what it offers, its default first. draining: why it takes no more runs, empty where it does.
    abilities: what it knows how to do that others may not. ahead: how many runs more than it has slots it may have now.
    """

    id: str
    pool: str
    slots: int
    replica_slots: int
    platform: str = ""
    hostname: str = ""
    isolations: Sequence[Isolation] = ()
    resources: Resources = NO_RESOURCES
    connected: bool = False
    last_seen_time: datetime | None = None
    runs: Sequence[str] = ()
    draining: str = ""
    abilities: frozenset[str] = frozenset()
    ahead: int = 0

    def capacity(self, slot: Slot) -> int:
        """How many runs of a kind it executes at a time."""
        return self.replica_slots if slot is Slot.REPLICA else self.slots

    def offers(self, isolation: Isolation) -> bool:
        """Tell whether it can put that between a run and its machine."""
        return isolation is Isolation.UNSPECIFIED or isolation in (self.isolations or (Isolation.PROCESS,))


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of an agent to execute a run for a time."""

    id: str
    agent: str
    run: Run
    secrets: Mapping[str, str] = field(repr=False)
    cancel: bool = False
