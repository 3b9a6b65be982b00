"""Transactions: what is decided in one stays true until it commits."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from orris_kit.database.errors import translated
from orris_kit.database.statement import Statement
from orris_kit.database.traits import traits_of


@contextmanager
def write(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Run a transaction that writes: committed at the end of the block, rolled back when it raises.

    In SQLite it holds the one write lock from the beginning, so it never fails half-way for lack of it.

    Raises DatabaseUnavailable: nothing was done; where the connection was lost while it was committed, nobody knows.
    """
    traits = traits_of(engine)
    with translated(), traits.one_writer:
        traits.gate()
        with traits.to_write.one(engine) as connection, connection.begin():
            yield connection


@contextmanager
def read(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Run a transaction that reads one consistent state. Raises DatabaseUnavailable."""
    with translated(), traits_of(engine).to_read.one(engine) as connection, connection.begin():
        yield connection


def take_turn(connection: sa.Connection, *key: str) -> None:
    """Let one transaction at a time go on that has this key, until it ends. One that only reads does not wait."""
    if connection.dialect.name == "postgresql" and not connection.get_execution_options().get("postgresql_readonly"):
        _TURN.first(connection, {"lock": lock_number(traits_of(connection).schema, *key)})


def lock_number(*key: str) -> int:
    """Return the number of a PostgreSQL advisory lock: 64 bits, with a sign."""
    return int.from_bytes(hashlib.sha256(json.dumps(key).encode()).digest()[:8], signed=True)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those of the rows whose keys are not there yet; return how many."""
    return _new_of(table, connection.dialect.name).run_all(connection, rows)


@functools.cache
def _new_of(table: sa.Table, dialect: str) -> Statement:
    if dialect == "postgresql":
        from sqlalchemy.dialects.postgresql import insert  # all of the dialect: not before it is needed

        return Statement(insert(table).on_conflict_do_nothing())
    return Statement(table.insert().prefix_with("OR IGNORE"))


_TURN = Statement(sa.select(sa.func.pg_advisory_xact_lock(sa.bindparam("lock", type_=sa.BigInteger))))
