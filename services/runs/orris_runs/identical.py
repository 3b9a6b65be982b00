"""Runs that are alike: the same program with the same files, arguments and variables in the same image.

Who asks for it is given the results of one that has completed, instead of executing the same again. What a run needs
of its machine, its time limit, its tags and its experiment do not count; a run with secrets is like no other.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import Any

import sqlalchemy as sa

from orris.names import RunName
from orris_runs.log_rows import append_row
from orris_runs.model import STD_LOG, Kind, NewRun, Prepared, Program
from orris_runs.rows import program_of
from orris_runs.schema import COMPLETED_ALIKE, logs, metric_summaries, metrics, runs
from orris_runs.store import Change, Store

# As Azure's pipelines mark steps that were not executed again.
IS_REUSED, REUSED_RUN_ID = "azureml.isreused", "azureml.reusedrunid"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A run that has completed, and the tree of its outputs."""

    key: int
    run: RunName
    outputs: str


class Identical:
    """Finds runs that are alike."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find(self, new: NewRun, prepared: Prepared) -> Earlier | None:
        """Return the newest completed run that is like a new one, where that asks for it and its image is known."""
        if not new.reuse or not prepared.image:
            return None
        with self._store.look() as connection:
            return find(connection, new.workspace, identity_of_new(new, prepared))


def identity_of_new(new: NewRun, prepared: Prepared) -> str:
    """Return the identity of a run that is to be recorded; empty for one that is like no other."""
    if new.secrets:
        return ""
    return identity(new.kind, new.program, prepared.variables, prepared.image)


def identity_of_row(row: Any, image: str) -> str:
    """Return the identity of a recorded run whose image is known now."""
    program = program_of(row.program)
    return identity(row.kind, program, program.defaults, image) if row.secrets is None else ""


def identity(kind: Kind, program: Program, defaults: Any, image: str) -> str:
    """Return a digest that runs share which are alike; empty where none can be."""
    if kind is not Kind.TRAINING or not image:
        return ""
    # `asdict` would copy what is in them, too.
    parts = {each.name: getattr(program, each.name) for each in fields(program)}
    parts |= {"defaults": dict(defaults), "time_limit": None, "trace": "", "image": image}
    parts["arguments"], parts["command"] = list(program.arguments), list(program.command)
    del parts["inputs"], parts["outputs_to"]
    if program.inputs:  # the files count, not what they are called where they are kept
        parts["inputs"] = [{**asdict(each), "dataset": ""} for each in program.inputs]
    if program.outputs_to:
        return ""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def find(connection: sa.Connection, workspace: str, its_identity: str) -> Earlier | None:
    """Return the newest run that has completed and has an identity."""
    if not its_identity:
        return None
    row = connection.execute(NEWEST, {"in": workspace, "alike": its_identity}).one_or_none()
    return Earlier(row.key, RunName(row.workspace, row.id), row.outputs) if row else None


def taken_over(change: Change, earlier: Earlier) -> dict[str, Any]:
    """Return the columns of results that a run takes over from an earlier one."""
    chosen = sa.select(runs.c.end_time, runs.c.outputs, runs.c.left_behind, runs.c.next_sequence)
    row = change.connection.execute(chosen.where(runs.c.key == earlier.key)).one()
    when = f"{row.end_time:%Y-%m-%d %H:%M:%S} UTC"
    return {
        "state_reason": f"not executed: {earlier.run.run} is identical, and completed at {when}",
        "outputs": row.outputs,
        "left_behind": row.left_behind,
        "next_sequence": row.next_sequence,
        "reused_run": str(earlier.run),
        "identity": "",
    }


def take_over_rows(change: Change, key: int, earlier: Earlier, said: str) -> None:
    """Give a run the metrics of an earlier one, and a log that says so."""
    for table in (metrics, metric_summaries):
        columns = [column for column in table.columns if column.name != "run_key"]
        copied = sa.select(sa.literal(key), *columns).where(table.c.run_key == earlier.key)
        change.connection.execute(table.insert().from_select(["run_key", *(column.name for column in columns)], copied))
    row = {"run_key": key, "file": STD_LOG, "size": 0, "complete": True, "to_archive": False}
    inserted = change.connection.execute(logs.insert().values(row)).inserted_primary_key
    assert inserted is not None
    log = change.connection.execute(sa.select(logs).where(logs.c.key == inserted[0])).one()
    append_row(change.connection, log, f"--- orris: {said}\n".encode())


def reused_properties(earlier: Earlier) -> dict[str, str]:
    """Return the properties of a run that was not executed."""
    return {IS_REUSED: "true", REUSED_RUN_ID: earlier.run.run}


# Made once: to put a statement together costs more than to execute it.
NEWEST = (
    sa.select(runs.c.key, runs.c.workspace, runs.c.id, runs.c.outputs)
    .where(
        runs.c.workspace == sa.bindparam("in"),
        # As a range, and in its order: one index has that, and no planner is tempted by another.
        runs.c.identity.between(sa.bindparam("alike"), sa.bindparam("alike")),
        COMPLETED_ALIKE,
    )
    .order_by(runs.c.identity.desc(), runs.c.key.desc())
    .limit(1)
)
