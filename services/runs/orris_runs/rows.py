"""From rows to runs and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from orris_kit.database import Statement
from orris_runs.data import Produced, Read, inputs_of, outputs_of
from orris_runs.demands import demands_of
from orris_runs.model import Attempt, ErrorCode, Program, Run, RunError, Used
from orris_runs.schema import properties, runs, tags

# `asdict` copies what is in them, too.
_PROGRAM = tuple(each.name for each in fields(Program))


def to_json(value: Any) -> str:
    """Return compact JSON, with Python's NaN and Infinity."""
    return json.dumps(value, separators=(",", ":"))


def program_to_json(program: Program) -> str:
    """Return a program as its column holds it: what is empty is left out."""
    given = {name: value for name in _PROGRAM if (value := getattr(program, name))}
    return json.dumps(given, separators=(",", ":"), default=asdict)


def program_of(text: str) -> Program:
    """Return the program that a column holds."""
    kept = json.loads(text)
    if "inputs" in kept or "outputs_to" in kept:
        data = {"inputs": inputs_of(kept.get("inputs", ())), "outputs_to": outputs_of(kept.get("outputs_to", ()))}
        kept |= data
    return Program(**kept)


def produced_to_json(produced: Sequence[Produced]) -> str:
    """Return what a run has left as its column holds it."""
    return to_json([asdict(each) for each in produced])


def error_to_json(error: RunError | None) -> str | None:
    """Return an error as its column holds it."""
    return to_json(asdict(error)) if error else None


def to_run(row: Any, its_tags: Mapping[str, str], its_properties: Mapping[str, str]) -> Run:
    """Return the run of a row of `runs`."""
    return Run(
        key=row.key,
        workspace=row.workspace,
        id=row.id,
        display_name=row.display_name or row.id,
        experiment=row.experiment,
        kind=row.kind,
        parent_run=row.parent_run,
        state=row.state,
        state_reason=row.state_reason,
        program=program_of(row.program),
        environment=row.environment,
        image=row.image,
        build=row.build,
        pool=row.pool,
        tags=its_tags,
        properties=its_properties,
        submitted_by=row.submitted_by,
        create_time=row.create_time,
        start_time=row.start_time,
        end_time=row.end_time,
        error=_error(row.error),
        warnings=json.loads(row.warnings),
        outputs=row.outputs,
        agent=row.agent,
        address=row.address,
        left_behind=json.loads(row.left_behind),
        demands=demands_of(row.demands),
        used=None if row.cpu_seconds is None else Used(row.cpu_seconds, row.max_memory_bytes),
        archived=row.archived,
        priority=-row.rank,
        max_retries=row.max_retries,
        failed_attempts=attempts_of(row.failed_attempts),
        retry_time=row.retry_time,
        reuse=row.reuse,
        reused_run=row.reused_run,
        queued_time=row.queued_time,
        leased_time=row.leased_time,
        finalizing_time=row.finalizing_time,
        final_time=row.final_time,
        produced=[Produced(**each) for each in json.loads(row.produced)],
        early_stopped=row.early_stopped,
        datasets_read=[Read(**each) for each in json.loads(row.datasets_read)],
    )


def attempts_to_json(attempts: Sequence[Attempt]) -> str:
    """Return failed attempts as their column holds them."""

    def moment(time: datetime | None) -> float | None:
        return time.timestamp() if time else None

    return to_json(
        [
            {**asdict(each), "start_time": moment(each.start_time), "end_time": moment(each.end_time)}
            for each in attempts
        ]
    )


def attempts_of(text: str) -> list[Attempt]:
    """Return the failed attempts that a column holds."""

    def moment(time: float | None) -> datetime | None:
        return None if time is None else datetime.fromtimestamp(time, UTC)

    return [
        Attempt(
            number=each["number"],
            agent=each["agent"],
            start_time=moment(each["start_time"]),
            end_time=datetime.fromtimestamp(each["end_time"], UTC),
            error=_error_of(each["error"]),
        )
        for each in json.loads(text)
    ]


def to_runs(connection: sa.Connection, found: Sequence[Any]) -> list[Run]:
    """Return the runs of rows of `runs`, with their tags and properties."""
    keys = [row.key for row in found]
    its_tags, its_properties = _labels(connection, tags, keys), _labels(connection, properties, keys)
    return [to_run(row, its_tags.get(row.key, {}), its_properties.get(row.key, {})) for row in found]


def find_run(connection: sa.Connection, workspace: str, run: str, *, lock: bool = False) -> Any:
    """Return a run's row, locked if it is to be changed; None where there is none."""
    return (_FIND_LOCKED if lock else _FIND).first(connection, {"of": workspace, "named": run})


def update_run(connection: sa.Connection, key: int, **columns: Any) -> None:
    """Change columns of a run's row."""
    _UPDATE.run(connection, {"at": key, **columns})


def _labels(connection: sa.Connection, table: sa.Table, keys: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for row in _rows_of(connection, table, keys):
        found.setdefault(row.run_key, {})[row.key] = row.value
    return found


def _rows_of(connection: sa.Connection, table: sa.Table, keys: Sequence[int]) -> Sequence[Any]:
    if len(keys) == 1:
        return _OF_ONE[table.name].all(connection, {"of": keys[0]})
    chosen = sa.select(table).where(table.c.run_key.in_(keys)).order_by(table.c.run_key, table.c.key)
    return connection.execute(chosen).all() if keys else ()


_NAMED = sa.select(runs).where(runs.c.workspace == sa.bindparam("of"), runs.c.id == sa.bindparam("named"))
_FIND, _FIND_LOCKED = Statement(_NAMED), Statement(_NAMED.with_for_update())
_UPDATE = Statement(runs.update().where(runs.c.key == sa.bindparam("at")))
_OF_ONE = {
    table.name: Statement(sa.select(table).where(table.c.run_key == sa.bindparam("of")).order_by(table.c.key))
    for table in (tags, properties)
}


def _error(text: str | None) -> RunError | None:
    return None if text is None else error_of(text)


def error_of(text: str) -> RunError:
    """Return the error that a column holds."""
    return _error_of(json.loads(text))


def _error_of(fields: Mapping[str, Any]) -> RunError:
    return RunError(**{**fields, "code": ErrorCode(fields["code"])})
