"""Tables. What is only ever read whole is one JSON column; what is searched for has a column and an index."""

from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Text, UtcDateTime, partial_index
from orris_kit.requests import Requests
from orris_runs.model import Kind, MetricType
from orris_runs.pools.model import NodeState, PoolState
from orris_runs.states import State


class Numbered(sa.types.TypeDecorator[IntEnum]):
    """A member of an enumeration, stored as its number."""

    impl = sa.SmallInteger
    cache_ok = True

    def __init__(self, members: type[IntEnum]) -> None:
        super().__init__()
        self.members = members
        # Looked up a million times for a run with as many metric points.
        self._by_number = {int(member): member for member in members}

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> int | None:
        return None if value is None else int(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> IntEnum | None:
        return None if value is None else self._by_number[value]


metadata = sa.MetaData()
requests = Requests(metadata)

_Key = sa.BigInteger().with_variant(sa.Integer, "sqlite")

workspaces = sa.Table(
    "workspaces",
    metadata,
    sa.Column("id", Text(33), primary_key=True),
    sa.Column("description", Text(), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
)

experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("workspace", Text(33), sa.ForeignKey("workspaces.id"), primary_key=True),
    sa.Column("id", Text(255), primary_key=True),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("max_concurrent_runs", sa.Integer, nullable=False, server_default="0"),
)

# `key` is the order of submission: of a line, and of lists. `slot` is set while a run waits for an agent, only then.
# `holder` is the key of the run that an interactive run is part of: it is held with it, and ends with it. A run of no
# workspace was deleted: what belongs to it is being removed.
# `demands`, on leases too, is the text of equal demands. `rank` is the negated priority: what comes first is smallest.
# `retry_time` is set while a run waits for its next attempt. `identity` is a digest that runs share which are alike.
# The last attempt entered the queue at `queued_time`, was leased at `leased_time`, its program had ended at
# `finalizing_time`, and all was done at `final_time`.
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("key", _Key, primary_key=True, autoincrement=True),
    sa.Column("workspace", Text(33), nullable=False),
    sa.Column("id", Text(300), nullable=False),
    sa.Column("display_name", Text(), nullable=False),
    sa.Column("experiment", Text(255), nullable=False),
    sa.Column("kind", Numbered(Kind), nullable=False),
    sa.Column("parent_run", Text(), nullable=False),
    sa.Column("state", Numbered(State), nullable=False),
    sa.Column("state_reason", Text(), nullable=False),
    sa.Column("slot", Text(10)),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("program", Text(), nullable=False),
    sa.Column("secrets", Text()),
    sa.Column("environment", Text(), nullable=False),
    sa.Column("image", Text(), nullable=False),
    sa.Column("build", Text(), nullable=False),
    sa.Column("build_log_size", sa.BigInteger),
    sa.Column("pool", Text(63), nullable=False),
    sa.Column("submitted_by", Text(), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("start_time", UtcDateTime),
    sa.Column("end_time", UtcDateTime),
    sa.Column("error", Text()),
    sa.Column("warnings", Text(), nullable=False),
    sa.Column("outputs", Text(), nullable=False),
    sa.Column("agent", Text(128), nullable=False),
    sa.Column("lease", Text(64), nullable=False),
    sa.Column("address", Text(), nullable=False),
    sa.Column("left_behind", Text(), nullable=False),
    sa.Column("next_sequence", sa.BigInteger, nullable=False),
    sa.Column("demands", Text(255), nullable=False, server_default=""),
    sa.Column("cpu_seconds", sa.Double),
    sa.Column("max_memory_bytes", sa.BigInteger),
    sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("holder", sa.BigInteger),
    sa.Column("rank", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_retries", sa.Integer, nullable=False, server_default="0"),
    sa.Column("failed_attempts", Text(), nullable=False, server_default="[]"),
    sa.Column("retry_time", UtcDateTime),
    sa.Column("reuse", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("identity", Text(64), nullable=False, server_default=""),
    sa.Column("reused_run", Text(), nullable=False, server_default=""),
    sa.Column("queued_time", UtcDateTime),
    sa.Column("leased_time", UtcDateTime),
    sa.Column("finalizing_time", UtcDateTime),
    sa.Column("final_time", UtcDateTime),
    sa.Column("produced", Text(), nullable=False, server_default="[]"),
    sa.Column("early_stopped", Text(), nullable=False, server_default=""),
    sa.Column("datasets_read", Text(), nullable=False, server_default="[]"),
    sa.UniqueConstraint("workspace", "id"),
    sqlite_autoincrement=True,
)
sa.Index("runs_by_kind", runs.c.workspace, runs.c.kind, runs.c.archived, runs.c.key)
sa.Index("runs_by_experiment", runs.c.workspace, runs.c.experiment, runs.c.kind, runs.c.archived, runs.c.key)
# A literal, as below.
IS_CHILD = runs.c.parent_run != sa.literal_column("''")
_CHILDREN = (runs.c.workspace, runs.c.parent_run, runs.c.kind, runs.c.archived, runs.c.key)
partial_index("runs_by_parent", *_CHILDREN, where=IS_CHILD)
partial_index("runs_by_holder", runs.c.holder, runs.c.state, where=runs.c.holder.is_not(None))
sa.Index("runs_by_state", runs.c.workspace, runs.c.state, runs.c.key)
sa.Index("runs_by_lease", runs.c.lease)
partial_index(
    "runs_in_line",
    runs.c.pool,
    runs.c.slot,
    runs.c.rank,
    runs.c.workspace,
    runs.c.experiment,
    runs.c.demands,
    runs.c.key,
    where=runs.c.slot.is_not(None),
)
partial_index("runs_to_retry", runs.c.retry_time, where=runs.c.retry_time.is_not(None))
# A literal (State.PREPARING), not a parameter: only so can the planner tell that the index serves the query.
PREPARING = runs.c.state == sa.literal_column("2")
partial_index("runs_preparing", runs.c.build, where=PREPARING)
# The same of State.COMPLETED.
COMPLETED_ALIKE = sa.and_(runs.c.state == sa.literal_column("7"), runs.c.identity != sa.literal_column("''"))
partial_index("runs_completed_alike", runs.c.workspace, runs.c.identity, runs.c.key, where=COMPLETED_ALIKE)

# The runs of an experiment that wait for the same: one row as long as there are any, and perhaps a little longer. The
# experiment with the smallest turn is next; all its lines in a pool have the same. Changed by those who give runs away.
lines = sa.Table(
    "lines",
    metadata,
    sa.Column("key", _Key, primary_key=True, autoincrement=True),
    sa.Column("turn", sa.BigInteger, nullable=False),
    sa.Column("pool", Text(63), nullable=False),
    sa.Column("slot", Text(10), nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("workspace", Text(33), nullable=False),
    sa.Column("experiment", Text(255), nullable=False),
    sa.Column("demands", Text(255), nullable=False),
    sa.UniqueConstraint("workspace", "experiment", "pool", "slot", "rank", "demands"),
)
sa.Index("lines_of_demands", lines.c.pool, lines.c.slot, lines.c.demands, lines.c.rank, lines.c.turn)
sa.Index("lines_in_turn", lines.c.pool, lines.c.slot, lines.c.rank, lines.c.turn, lines.c.key)
sa.Index("lines_by_turn", lines.c.pool, lines.c.slot, lines.c.turn)

tags = sa.Table(
    "run_tags",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("key", Text(255), primary_key=True),
    sa.Column("value", Text(), nullable=False),
)
sa.Index("run_tags_by_key", tags.c.key, tags.c.run_key)

properties = sa.Table(
    "run_properties",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("key", Text(255), primary_key=True),
    sa.Column("value", Text(), nullable=False),
)
sa.Index("run_properties_by_key", properties.c.key, properties.c.run_key)

# Of a run that may be executed anew: the tags and properties (`labels`: the table) that its program has changed in this
# attempt, with the value that each had before; null: it was not set.
labels_before = sa.Table(
    "run_labels_before",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("labels", Text(20), primary_key=True),
    sa.Column("key", Text(255), primary_key=True),
    sa.Column("value", Text()),
)

# The versions of datasets that a run had as an input, or `made` as an output, by what they were called in it. What it
# has read without having been given it, `datasets_read` of the run, has a name that begins with a slash.
run_data = sa.Table(
    "run_data",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("name", Text(100), primary_key=True),
    sa.Column("dataset", Text(400), nullable=False),
    sa.Column("made", sa.Boolean, nullable=False),
)
sa.Index("run_data_by_dataset", run_data.c.dataset, run_data.c.run_key)

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", Text(128), primary_key=True),
    sa.Column("pool", Text(63), nullable=False),
    sa.Column("slots", sa.Integer, nullable=False),
    sa.Column("replica_slots", sa.Integer, nullable=False),
    sa.Column("platform", Text(), nullable=False),
    sa.Column("hostname", Text(), nullable=False),
    sa.Column("last_seen_time", UtcDateTime, nullable=False),
    sa.Column("isolations", Text(), nullable=False, server_default="[]"),
    sa.Column("resources", Text(), nullable=False, server_default="{}"),
    sa.Column("draining", Text(), nullable=False, server_default=""),
    sa.Column("abilities", Text(), nullable=False, server_default="[]"),
)

# A pool without an engine has no nodes here: agents come to it by themselves. `machine` is what the last node offered.
pools = sa.Table(
    "pools",
    metadata,
    sa.Column("id", Text(63), primary_key=True),
    sa.Column("engine", Text(63), nullable=False),
    sa.Column("min_nodes", sa.Integer, nullable=False),
    sa.Column("max_nodes", sa.Integer, nullable=False),
    sa.Column("idle_seconds", sa.Double, nullable=False),
    sa.Column("node_slots", sa.Integer, nullable=False),
    sa.Column("node_resources", Text(), nullable=False),
    sa.Column("options", Text(), nullable=False),
    sa.Column("description", Text(), nullable=False),
    sa.Column("tags", Text(), nullable=False),
    sa.Column("state", Numbered(PoolState), nullable=False),
    sa.Column("error", Text(), nullable=False),
    sa.Column("machine", Text(), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
    # Of the Ray cluster that its nodes are on; empty: on none, null: its engine was not asked yet.
    sa.Column("ray", Text()),
)

# Nodes that an engine was asked for: here before it is, so that none is lost or asked for twice. `failed`: gone
# otherwise than as the rules wanted. `phase` is what its engine last said, since `phase_time`.
nodes = sa.Table(
    "nodes",
    metadata,
    sa.Column("key", _Key, primary_key=True, autoincrement=True),
    sa.Column("id", Text(63), nullable=False, unique=True),
    sa.Column("pool", Text(63), nullable=False),
    sa.Column("state", Numbered(NodeState), nullable=False),
    sa.Column("reason", Text(), nullable=False),
    sa.Column("end_reason", Text(), nullable=False),
    sa.Column("phase", Text(20), nullable=False),
    sa.Column("phase_time", UtcDateTime, nullable=False),
    sa.Column("message", Text(), nullable=False),
    sa.Column("host", Text(), nullable=False),
    sa.Column("failed", sa.Boolean, nullable=False),
    sa.Column("preempted", sa.Boolean, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("ready_time", UtcDateTime),
    sa.Column("end_time", UtcDateTime),
    sqlite_autoincrement=True,
)
sa.Index("nodes_of_pool", nodes.c.pool, nodes.c.state, nodes.c.key)

# Leases that are held. A lease's end is not here: after a restart each is given its whole duration again. `owner` is
# `workspace/experiment`.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("id", Text(64), primary_key=True),
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), nullable=False, unique=True),
    sa.Column("agent", Text(128), nullable=False),
    sa.Column("slot", Text(10), nullable=False),
    sa.Column("cancel", sa.Boolean, nullable=False),
    sa.Column("demands", Text(255), nullable=False, server_default=""),
    sa.Column("owner", Text(289), nullable=False, server_default=""),
)
sa.Index("leases_by_agent", leases.c.agent, leases.c.slot, leases.c.demands, leases.c.owner)

# A log belongs to a run, or to a build that any number of runs waited for. Its first `kept` bytes are blobs, the others
# rows; `dropped` came behind the `size` that a log may have. From `base` on it is that of this attempt.
logs = sa.Table(
    "logs",
    metadata,
    sa.Column("key", _Key, primary_key=True, autoincrement=True),
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key")),
    sa.Column("build", Text()),
    sa.Column("file", Text(1024), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("to_archive", sa.Boolean, nullable=False),
    sa.Column("kept", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("dropped", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("base", sa.BigInteger, nullable=False, server_default="0"),
    sa.UniqueConstraint("run_key", "file"),
    sa.UniqueConstraint("build"),
    sqlite_autoincrement=True,
)
partial_index("logs_to_archive", logs.c.key, where=logs.c.to_archive.is_(True))

log_rows = sa.Table(
    "log_rows",
    metadata,
    sa.Column("log_key", sa.BigInteger, sa.ForeignKey("logs.key"), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

log_blobs = sa.Table(
    "log_blobs",
    metadata,
    sa.Column("log_key", sa.BigInteger, sa.ForeignKey("logs.key"), primary_key=True),
    sa.Column("offset", sa.BigInteger, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", Text(64), nullable=False),
)

# Runs whose reference at the artifacts may keep more than they need. What is given up is never recorded.
loose_references = sa.Table(
    "loose_references",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("run", Text(300), primary_key=True),
    sa.Column("given_up", sa.Boolean, nullable=False),
)

# `value` is JSON: the value, or the cells by column. JSON tells 1 from 1.0, and Python's has NaN and infinities.
metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("metric", Text(255), nullable=False),
    sa.Column("type", Numbered(MetricType), nullable=False),
    sa.Column("step", sa.BigInteger),
    sa.Column("time", UtcDateTime, nullable=False),
    sa.Column("value", Text(), nullable=False),
)
sa.Index("metrics_by_name", metrics.c.run_key, metrics.c.metric, metrics.c.sequence)

# What runs use while they run: at most so many samples of each.
usage = sa.Table(
    "run_usage",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("time", UtcDateTime, primary_key=True),
    sa.Column("cpu_seconds", sa.Double, nullable=False),
    sa.Column("memory_bytes", sa.BigInteger, nullable=False),
)

# What all points of a metric come to, kept up with each that is stored.
metric_summaries = sa.Table(
    "metric_summaries",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("metric", Text(255), primary_key=True),
    sa.Column("points", sa.BigInteger, nullable=False),
    sa.Column("last_sequence", sa.BigInteger, nullable=False),
    sa.Column("minimum", sa.Double),
    sa.Column("maximum", sa.Double),
)

# What sweeps, which are runs, are made of. One is `active` until its last trial has ended. `plan` is JSON.
sweeps = sa.Table(
    "sweeps",
    metadata,
    sa.Column("run_key", sa.BigInteger, sa.ForeignKey("runs.key"), primary_key=True),
    sa.Column("plan", Text(), nullable=False),
    sa.Column("active", sa.Boolean, nullable=False),
)
partial_index("sweeps_active", sweeps.c.run_key, where=sweeps.c.active.is_(True))

# A trial is recorded together with its run, and kept when that is deleted: its number is never used again. It was
# judged up to an interval; `settled` says that its end was taken into account.
sweep_trials = sa.Table(
    "sweep_trials",
    metadata,
    sa.Column("sweep_key", sa.BigInteger, sa.ForeignKey("sweeps.run_key"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("run_key", sa.BigInteger, nullable=False),
    sa.Column("hyperparameters", Text(), nullable=False),
    sa.Column("judged", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.Boolean, nullable=False),
)
