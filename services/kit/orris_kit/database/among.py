"""Conditions on a list of values that comes as one: `IN` whose text does not depend on how many there are.

FIND = Statement(sa.select(blobs).where(among(blobs.c.digest, "digests")))
rows = FIND.all(connection, {"digests": ["1f…", "a0…"]})
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class _Texts(sa.types.TypeDecorator[Sequence[str]]):
    """Several texts as one value: an array, or JSON where a database has none."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.ARRAY(sa.Text) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Sequence[str] | None, dialect: sa.Dialect) -> Any:
        return list(value or ()) if dialect.name == "postgresql" else json.dumps(list(value or ()))


class _Among(sa.ColumnElement[bool]):
    inherit_cache = False
    type = sa.Boolean()

    def __init__(self, column: sa.Column[str], name: str) -> None:
        self.column = column
        self.values = sa.bindparam(name, type_=_Texts())

    def self_group(self, against: Any = None) -> sa.ColumnElement[bool]:
        """Return it as it is: compared with 1, as SQLAlchemy does with what may be a number, no index serves it."""
        return self


def among(column: sa.Column[str], name: str) -> sa.ColumnElement[bool]:
    """Return the condition that a column of texts is one of those in the list that is given as `name`."""
    return _Among(column, name)


@compiles(_Among)
def _in_json(element: _Among, compiler: Any, **options: Any) -> str:
    values = sa.func.json_each(element.values).table_valued("value")
    return str(compiler.process(element.column.in_(sa.select(values.c.value)), **options))


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.column == sa.func.any(element.values), **options))
