"""Which runs had which version of a dataset, and which made it: a row each, to be found by the version."""

from collections.abc import Iterable

import sqlalchemy as sa

from orris_runs.data import Input, Produced
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


def has_to_do_with(dataset: str) -> sa.ColumnElement[bool]:
    """Return the condition that a run had, or made, a version of a dataset (its resource name)."""
    return runs.c.key.in_(sa.select(run_data.c.run_key).where(run_data.c.dataset == dataset))


def _row(run_key: int, name: str, dataset: str, *, made: bool) -> dict[str, object]:
    return {"run_key": run_key, "name": name, "dataset": dataset, "made": made}
