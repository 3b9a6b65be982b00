"""The lines: what is read and changed of the runs that wait, in ways whose cost does not grow with their number.

The runs of one experiment that wait for the same (pool, kind of slot, priority, demands) are a line, in the order of
submission. Experiments take turns: one that was served goes to the end, as does one that comes.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement, Text, insert_new
from orris_runs.model import Kind, Slot
from orris_runs.rooms import Held
from orris_runs.schema import leases, lines, runs

# What the lease of a run names as its slot whose program has ended.
_NOTHING = ""


@dataclass(frozen=True, slots=True, order=True)
class Line:
    """A row of `lines`: what is served first is smallest, but for the lines of one experiment, which have one turn."""

    rank: int
    turn: int
    key: int
    workspace: str
    experiment: str
    demands: str

    @property
    def owner(self) -> str:
        """Its experiment, as leases name it."""
        return owner_of(self.workspace, self.experiment)


def slot_of(kind: Kind) -> Slot:
    """Return what a run of a kind occupies on an agent."""
    return Slot.REPLICA if kind is Kind.REPLICA else Slot.WORK


def owner_of(workspace: str, experiment: str) -> str:
    """Return an experiment as leases name it."""
    return f"{workspace}/{experiment}"


def join(connection: sa.Connection, run: Any, slot: str) -> None:
    """See to it that there is a line for a run that waits, given as something with the columns of `runs`."""
    line = {name: getattr(run, name) for name in ("pool", "rank", "workspace", "experiment", "demands")} | {
        "slot": slot
    }
    if _LINE.first(connection, line) is None:
        turn = _OWN.value(connection, line)
        insert_new(connection, lines, [{"turn": _end(connection, line) if turn is None else turn, **line}])


def heads(connection: sa.Connection, pool: str, slot: Slot, full: Collection[str]) -> list[Line]:
    """Return the next line of each kind of demands, but for those of the experiments that are `full`."""
    found = HEADS.all(connection, {"pool": pool, "slot": slot.value, "full": listed(full)})
    return [Line(*row) for row in found]


def first(connection: sa.Connection, pool: str, slot: Slot, line: Line, most: int) -> list[int]:
    """Return the first runs of a line."""
    return FIRST.values(connection, {**_parameters(pool, slot, line), "most": most})


def leave(connection: sa.Connection, line: Line) -> None:
    """Forget a line that nobody is in."""
    _LEAVE.run(connection, {"at": line.key})


def serve(connection: sa.Connection, pool: str, slot: Slot, line: Line) -> None:
    """Put the experiment that was served behind all others, whatever its runs ask for."""
    own = _parameters(pool, slot, line)
    _TO_THE_END.run(connection, {f"of_{name}": own[name] for name in ("workspace", "experiment", "pool", "slot")})


def pools_of(connection: sa.Connection, workspace: str, experiment: str) -> list[str]:
    """Return the pools that runs of an experiment wait in."""
    return sorted(_POOLS.values(connection, {"workspace": workspace, "experiment": experiment}))


def lock(connection: sa.Connection, key: int) -> bool:
    """Lock a run; return whether it still waits then: one that is being canceled is waited for here."""
    if connection.dialect.name == "sqlite":
        return True  # nobody else writes
    return _STILL_WAITING.first(connection, {"key": key}) is not None


def held(connection: sa.Connection) -> Held:
    """Return what the agents have."""
    return _held(_HELD.all(connection))


def held_by(connection: sa.Connection, agent: str) -> Held:
    """Return what one agent has."""
    return _held(_HELD_BY.all(connection, {"agent": agent}))


def give_back(connection: sa.Connection, key: int) -> None:
    """Take from a run what it has of its agent, but for the lease."""
    _GIVE_BACK.run(connection, {"of": key})


def running(connection: sa.Connection) -> Counter[str]:
    """Return how many runs each experiment has with agents."""
    return Counter(dict(_RUNNING.all(connection)))


def is_behind(connection: sa.Connection, run: Any, slot: str) -> bool:
    """Tell whether others wait before a run in its own line."""
    own = {name: getattr(run, name) for name in _COLUMNS} | {"slot": slot}
    return bool(FIRST.value(connection, {**own, "most": 1}) != run.key)


def _parameters(pool: str, slot: Slot, line: Line) -> dict[str, object]:
    own = {name: getattr(line, name) for name in ("rank", "workspace", "experiment", "demands")}
    return {"pool": pool, "slot": slot.value, **own}


def _held(found: Iterable[Any]) -> Held:
    return {
        (agent, Slot(slot) if slot != _NOTHING else None, demands, owner): count
        for agent, slot, demands, owner, count in found
    }


def _end(connection: sa.Connection, line: Mapping[str, object]) -> int:
    return int(_LAST.value(connection, line) or 0) + 1


def listed(owners: Collection[str]) -> str:
    """Return experiments as one value of a statement."""
    return "".join(f"\n{owner}\n" for owner in sorted(owners))


_FULL = sa.bindparam("full", type_=Text())
NOT_FULL = sa.func.replace(_FULL, "\n" + lines.c.workspace + "/" + lines.c.experiment + "\n", "") == _FULL
_POOL_AND_SLOT = (lines.c.pool == sa.bindparam("pool"), lines.c.slot == sa.bindparam("slot"))
# In the order of demands, then of turns: one index has that, and no planner is tempted by another.
_ALIKE = sa.select(lines.c.key).where(*_POOL_AND_SLOT, NOT_FULL).order_by(lines.c.demands, lines.c.rank, lines.c.turn)


def _heads() -> sa.Select[Any]:
    """Go from the first of one kind to the first of the next: an index finds each, however many are alike."""
    head, of_kind = lines.alias("head"), sa.select(_ALIKE.limit(1).scalar_subquery().label("key"))
    kinds = of_kind.cte("kinds", recursive=True)
    following = _ALIKE.where(lines.c.demands > head.c.demands).limit(1).scalar_subquery()
    kinds = kinds.union_all(sa.select(following).join_from(kinds, head, head.c.key == kinds.c.key))
    columns = (head.c[name] for name in ("rank", "turn", "key", "workspace", "experiment", "demands"))
    return sa.select(*columns).join_from(kinds, head, head.c.key == kinds.c.key)


HEADS = Statement(_heads())
_COLUMNS = ("pool", "slot", "rank", "workspace", "experiment", "demands")
_IN_LINE = [runs.c[name] == sa.bindparam(name) for name in _COLUMNS]
FIRST = Statement(
    sa.select(runs.c.key).where(*_IN_LINE).order_by(runs.c.key).limit(sa.bindparam("most", type_=sa.Integer))
)
_LINE = Statement(sa.select(lines.c.turn).where(*(lines.c[name] == sa.bindparam(name) for name in _COLUMNS)))
_LAST = Statement(sa.select(sa.func.max(lines.c.turn)).where(*_POOL_AND_SLOT))
_OF_EXPERIMENT = [lines.c[name] == sa.bindparam(name) for name in ("workspace", "experiment")]
_OWN = Statement(sa.select(lines.c.turn).where(*_OF_EXPERIMENT, *_POOL_AND_SLOT).limit(1))
_POOLS = Statement(sa.select(lines.c.pool).where(*_OF_EXPERIMENT).distinct())
_LEAVE = Statement(lines.delete().where(lines.c.key == sa.bindparam("at")))
_behind = lines.alias("behind")
_END = (
    sa.select(sa.func.max(_behind.c.turn) + 1)
    .where(_behind.c.pool == sa.bindparam("of_pool"), _behind.c.slot == sa.bindparam("of_slot"))
    .scalar_subquery()
)
_TO_THE_END = Statement(
    lines.update()
    .where(*(lines.c[name] == sa.bindparam(f"of_{name}") for name in ("workspace", "experiment", "pool", "slot")))
    .values(turn=_END)
)
_STILL_WAITING = Statement(
    sa.select(runs.c.key).where(runs.c.key == sa.bindparam("key"), runs.c.slot.is_not(None)).with_for_update()
)
_GROUPED = (leases.c.agent, leases.c.slot, leases.c.demands, leases.c.owner)
_ALL_HELD = sa.select(*_GROUPED, sa.func.count()).group_by(*_GROUPED)
_HELD = Statement(_ALL_HELD)
_RUNNING = Statement(sa.select(leases.c.owner, sa.func.count()).group_by(leases.c.owner))
_HELD_BY = Statement(_ALL_HELD.where(leases.c.agent == sa.bindparam("agent")))
_GIVE_BACK = Statement(leases.update().where(leases.c.run_key == sa.bindparam("of")).values(slot=_NOTHING, demands=""))
