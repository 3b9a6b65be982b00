"""Columns that are the same in every database: what comes back, what is refused, what comes first."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from orris.errors import InvalidArgument
from orris_kit.text import can_be_kept

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """A moment, stored as whole microseconds since 1970: exact, in order, the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone: datetime.now(UTC)")
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Text(sa.types.TypeDecorator[str]):
    """Text of at most so many characters, compared by code points, as Python does.

    What PostgreSQL refuses, no database gets: raises InvalidArgument for longer text, a NUL, half a surrogate pair.
    Whoever knows the field's name checks before (`orris_kit.text`).
    """

    impl = sa.String
    cache_ok = True

    def __init__(self, characters: int | None = None) -> None:
        super().__init__(characters)
        self.characters = characters

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        kind = sa.Text if self.characters is None else sa.String
        collation = "C" if dialect.name == "postgresql" else None
        return dialect.type_descriptor(kind(self.characters, collation=collation))

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        if value is None:
            return None
        if self.characters is not None and len(value) > self.characters:
            raise InvalidArgument(f"text of over {self.characters} characters: {value[:50]!r}…")
        if not can_be_kept(value):
            raise InvalidArgument(f"text with a NUL, or half a surrogate pair, in it: {value[:50]!r}")
        return value


class _JsonText(sa.types.TypeDecorator[Any]):
    """JSON as Python writes it, with NaN and infinities: PostgreSQL's own type has neither."""

    impl = sa.Text
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(collation="C")

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return json.dumps(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


# Anything that Python's `json` takes; None is kept as `null`. It is read whole: nothing is searched for in it.
JSON = sa.JSON().with_variant(_JsonText(), "postgresql")


def partial_index(name: str, *columns: sa.Column[Any], where: sa.ColumnElement[bool]) -> sa.Index:
    """Return an index on the rows of a table for which `where` is true."""
    index = sa.Index(name, *columns, sqlite_where=where)

    def complete(table: sa.Table, connection: sa.Connection, **options: Any) -> None:
        # Not before it is needed: to name an option of PostgreSQL's is to load all of its dialect.
        if connection.dialect.name == "postgresql":
            index.dialect_options["postgresql"]["where"] = where

    event.listen(columns[0].table, "before_create", complete)
    return index
