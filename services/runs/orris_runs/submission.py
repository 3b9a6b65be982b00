"""Submitting: a run is recorded, and given to a free agent, in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from orris.errors import NotFound
from orris_kit.database import Statement, insert_new
from orris_runs import identical, limits, lineage, loose
from orris_runs.checks import check_run
from orris_runs.demands import demands_to_text
from orris_runs.experiments import Experiments
from orris_runs.identical import Earlier
from orris_runs.line import slot_of
from orris_runs.model import WITHOUT_AGENT, Kind, NewRun, Prepared, Run
from orris_runs.pools.pools import Pools
from orris_runs.queue import Queue
from orris_runs.rows import find_run, program_to_json, to_json, to_run, to_runs
from orris_runs.schema import logs, properties, requests, runs, tags
from orris_runs.states import State
from orris_runs.store import PREPARING_CHANGED, Change, Store

WAITS_FOR_BUILD = "waits for its environment: {build} makes it, see the log azureml-logs/20_image_build_log.txt"

_INSERT = Statement(runs.insert().returning(runs))
_BY_KEY = Statement(sa.select(runs).where(runs.c.key == sa.bindparam("key")))
_LABEL = {table: Statement(table.insert()) for table in (tags, properties)}


class Submission:
    """Records runs."""

    def __init__(self, store: Store, experiments: Experiments, queue: Queue, pools: Pools) -> None:
        self._store = store
        self._experiments = experiments
        self._queue = queue
        self._pools = pools

    def check(self, run: NewRun) -> None:
        """Raise InvalidArgument (INVALID_RUN) when a field cannot be used, NotFound (POOL_NOT_FOUND)."""
        check_run(run)
        if run.kind is not Kind.INTERACTIVE:
            self._pools.require(run.pool)

    def new_id(self, experiment: str) -> str:
        """Return the id of a run to be recorded: `<experiment>_<unix time>_<8 hex>`."""
        return f"{experiment}_{int(self._store.clock.now().timestamp())}_{self._store.new_id()[-8:]}"

    def submit(
        self,
        run_id: str,
        new: NewRun,
        prepared: Prepared,
        request_id: str = "",
        payload: bytes = b"",
        earlier: Earlier | None = None,
    ) -> Run:
        """Record a run that was checked; return it, or what the same request recorded before."""
        return self._store.together(self.recording(run_id, new, prepared, request_id, payload, earlier))

    def recording(
        self,
        run_id: str,
        new: NewRun,
        prepared: Prepared,
        request_id: str = "",
        payload: bytes = b"",
        earlier: Earlier | None = None,
    ) -> Callable[[Change], Run]:
        """Return what does so in a transaction.

        With an `earlier` run that is like it, it has that one's results, and completes at once.
        """
        requested = ("CreateRun", new.workspace, request_id, payload)

        def record(change: Change) -> Run:
            if (made := requests.recall(change.connection, *requested)) is not None:
                return self.recorded(change, new.workspace, made)
            run = self._record(change, run_id, new, prepared, earlier)
            requests.remember(change.connection, *requested, run_id)
            return run

        return record

    def _record(self, change: Change, run_id: str, new: NewRun, prepared: Prepared, earlier: Earlier | None) -> Run:
        self._experiments.ensure(change, new.workspace, new.experiment)
        columns: dict[str, Any] = {}
        if earlier is not None:
            now = self._store.clock.now()
            ended: dict[str, Any] = {"state": State.COMPLETED, "slot": None, "secrets": None}
            ended |= dict.fromkeys(("start_time", "end_time", "final_time"), now)
            columns = ended | {"create_time": now} | identical.taken_over(change, earlier)
            new = replace(new, properties={**new.properties, **identical.reused_properties(earlier)})
        row = self.insert(change, run_id, new, prepared, **columns)
        key = row.key
        if new.refers:
            loose.take_back(change, new.workspace, run_id)
        if earlier is not None:
            identical.take_over_rows(change, key, earlier, row.state_reason)
        elif self._let_wait(change, row, prepared):
            row = _BY_KEY.first(change.connection, {"key": key})
        change.wake_watchers_of(row)
        return self._queue.explain(change.connection, [to_run(row, new.tags, new.properties)])[0]

    def add(self, change: Change, run_id: str, new: NewRun, prepared: Prepared) -> int:
        """Record a run that was checked, for somebody who has its snapshot kept; return its key."""
        row = self.insert(change, run_id, new, prepared)
        self._let_wait(change, row, prepared)
        change.wake_watchers_of(row)
        key: int = row.key
        return key

    def _let_wait(self, change: Change, row: Any, prepared: Prepared) -> bool:
        """Let a run wait for an agent, or its build; return whether it may have been given to an agent."""
        if prepared.image:
            return self._queue.enter(change, row, row.slot)
        self._begin_build_log(change, prepared.build)
        change.wake(PREPARING_CHANGED)
        return False

    def recorded(self, change: Change, workspace: str, run_id: str) -> Run:
        """Return what a request made before. Raises NotFound where that was deleted."""
        row = find_run(change.connection, workspace, run_id)
        if row is None:
            raise NotFound(f"the run {run_id}, which this request made, was deleted", reason="RUN_NOT_FOUND")
        return self._queue.explain(change.connection, to_runs(change.connection, [row]))[0]

    def insert(self, change: Change, run_id: str, new: NewRun, prepared: Prepared, **columns: Any) -> Any:
        """Insert the row of a run, with its labels; return it."""
        row = _INSERT.first(change.connection, {**self._columns(run_id, new, prepared), **columns})
        lineage.add_inputs(change.connection, row.key, new.program.inputs)
        for table, labels in ((tags, new.tags), (properties, new.properties)):
            rows = [{"run_key": row.key, "key": name, "value": value} for name, value in labels.items()]
            _LABEL[table].run_all(change.connection, rows)
        return row

    def _columns(self, run_id: str, new: NewRun, prepared: Prepared) -> dict[str, Any]:
        ready, now = bool(prepared.image), self._store.clock.now()
        return {
            "workspace": new.workspace,
            "id": run_id,
            "display_name": new.display_name,
            "experiment": new.experiment,
            "kind": new.kind,
            "parent_run": new.parent_run,
            "state": State.QUEUED if ready else State.PREPARING,
            "state_reason": "" if ready else WAITS_FOR_BUILD.format(build=prepared.build),
            "slot": slot_of(new.kind).value if ready else None,
            "attempts": 0,
            "program": program_to_json(replace(new.program, defaults=prepared.variables, time_limit=_limit(new))),
            "secrets": to_json(dict(new.secrets)) if new.secrets else None,
            "environment": prepared.environment,
            "image": prepared.image,
            "build": prepared.build,
            "pool": new.pool,
            "submitted_by": new.submitted_by,
            "create_time": now,
            "queued_time": now if ready else None,
            "warnings": to_json([text[: limits.WARNING_CHARACTERS] for text in prepared.warnings][: limits.WARNINGS]),
            "outputs": "",
            "agent": "",
            "lease": "",
            "address": "",
            "left_behind": "[]",
            "next_sequence": 0,
            "demands": demands_to_text(new.needs),
            "start_time": None,
            "holder": None,
            "rank": -new.priority,
            "max_retries": new.max_retries,
            "reuse": new.reuse,
            "identity": identical.identity_of_new(new, prepared),
        }

    def _begin_build_log(self, change: Change, build: str) -> None:
        row = {"build": build, "file": build, "size": 0, "complete": False, "to_archive": False}
        insert_new(change.connection, logs, [row])


def _limit(new: NewRun) -> float | None:
    if new.kind is Kind.REPLICA or new.kind in WITHOUT_AGENT:
        return None
    return new.program.time_limit or limits.DEFAULT_TIME_LIMIT_SECONDS
