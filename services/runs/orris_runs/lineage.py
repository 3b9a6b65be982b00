"""Which runs had which version of a dataset, and which made it: a row each, to be found by the version."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from orris.errors import ResourceExhausted
from orris_kit.database import insert_new
from orris_runs import limits
from orris_runs.data import Input, Produced, Read
from orris_runs.rows import to_json, update_run
from orris_runs.schema import run_data, runs


def add_inputs(connection: sa.Connection, run_key: int, inputs: Iterable[Input]) -> None:
    """Record what a run gets, in the transaction that records the run."""
    rows = [_row(run_key, each.name, each.dataset, made=False) for each in inputs if each.dataset]
    if rows:
        connection.execute(run_data.insert(), rows)


def add_outputs(connection: sa.Connection, run_key: int, produced: Iterable[Produced]) -> None:
    """Record what a run has made, in the transaction that ends it, instead of what an earlier attempt had."""
    connection.execute(run_data.delete().where(run_data.c.run_key == run_key, run_data.c.made))
    rows = [_row(run_key, each.name, each.dataset, made=True) for each in produced if each.dataset]
    if rows:
        connection.execute(run_data.insert(), rows)


def add_read(connection: sa.Connection, run: Any, read: Read) -> None:
    """Record what a run, given as its row, has read without having been given it. Repeated, it changes nothing.

    Raises ResourceExhausted (TOO_MANY_DATASETS).
    """
    if has_read(run, read.dataset):
        return
    known = json.loads(run.datasets_read)
    if len(known) >= limits.DATASETS_READ:
        message = f"a run reads at most {limits.DATASETS_READ} versions of datasets beside its inputs"
        raise ResourceExhausted(message, reason="TOO_MANY_DATASETS")
    # Inputs have names of letters, digits and `_`.
    name = f"/{hashlib.sha256(read.dataset.encode()).hexdigest()}"
    insert_new(connection, run_data, [_row(run.key, name, read.dataset, made=False)])
    # Who asks for the same program may be given something else when that asks.
    update_run(connection, run.key, datasets_read=to_json([*known, asdict(read)]), identity="")


def has_read(run: Any, dataset: str) -> bool:
    """Tell whether a run, given as its row, is known to have read a version without having been given it."""
    return any(each["dataset"] == dataset for each in json.loads(run.datasets_read))


def has_to_do_with(dataset: str) -> sa.ColumnElement[bool]:
    """Return the condition that a run had, or made, a version of a dataset (its resource name)."""
    return runs.c.key.in_(sa.select(run_data.c.run_key).where(run_data.c.dataset == dataset))


def _row(run_key: int, name: str, dataset: str, *, made: bool) -> dict[str, object]:
    return {"run_key": run_key, "name": name, "dataset": dataset, "made": made}
