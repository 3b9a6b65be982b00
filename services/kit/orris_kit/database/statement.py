"""Statements that are executed all the time: put together once, then given to the driver itself.

FIND = Statement(sa.select(runs).where(runs.c.lease == sa.bindparam("id")))
with write(engine) as connection:
    row = FIND.first(connection, {"id": lease})

SQLAlchemy makes the text, and converts values by the types of columns; its own way to execute costs ten times what
SQLite does. Rows are named tuples, errors are SQLAlchemy's. A list as one value is a condition `among`, for that of
`in_` has another text each time.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from orris_kit.database.traits import traits_of

Values = Mapping[str, Any]
_NONE: Values = {}


class Statement:
    """A statement. What it inserts or sets beside its own values are columns named by the values it is given."""

    def __init__(self, statement: sa.Executable) -> None:
        self.statement: Any = statement

    def first(self, connection: sa.Connection, values: Values = _NONE) -> Any:
        """Return the first row, None where there is none."""
        form = self._form(connection, values)
        with _cursor(connection, form) as cursor:
            cursor.execute(form.text, form.parameters(values))
            row = cursor.fetchone()
            return None if row is None else form.reader(cursor)(row)

    def value(self, connection: sa.Connection, values: Values = _NONE) -> Any:
        """Return the first column of the first row, None where there is none."""
        row = self.first(connection, values)
        return None if row is None else row[0]

    def all(self, connection: sa.Connection, values: Values = _NONE) -> list[Any]:
        """Return the rows."""
        form = self._form(connection, values)
        with _cursor(connection, form) as cursor:
            cursor.execute(form.text, form.parameters(values))
            return list(map(form.reader(cursor), cursor.fetchall()))

    def values(self, connection: sa.Connection, values: Values = _NONE) -> list[Any]:
        """Return the first column of the rows."""
        return [row[0] for row in self.all(connection, values)]

    def run(self, connection: sa.Connection, values: Values = _NONE) -> int:
        """Return how many rows were changed."""
        form = self._form(connection, values)
        with _cursor(connection, form) as cursor:
            cursor.execute(form.text, form.parameters(values))
            return int(cursor.rowcount)

    def run_all(self, connection: sa.Connection, rows: Sequence[Values]) -> int:
        """Do so with each of the rows, which have the same names; return how many rows were changed."""
        if len(rows) == 1:  # for which a driver has a shorter way
            return self.run(connection, rows[0])
        if not rows:
            return 0
        form = self._form(connection, rows[0])
        with _cursor(connection, form) as cursor:
            cursor.executemany(form.text, [form.parameters(row) for row in rows])
            return int(cursor.rowcount)

    def _form(self, connection: sa.Connection, values: Values) -> _Form:
        # One for each engine, kept with it: which columns a statement sets depends on the names.
        forms, key = traits_of(connection).statements, (self, *values)
        if (form := forms.get(key)) is None:
            form = forms[key] = _Form(self.statement, connection.dialect, list(values))
        return form


class _Form:
    """A statement as a driver takes it, for values of these names."""

    def __init__(self, statement: Any, dialect: sa.Dialect, names: list[str]) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled)
        if statement.is_dml and (unknown := set(names) - set(compiled.bind_names.values())):
            raise sa.exc.CompileError(f"there are no such columns: {', '.join(sorted(unknown))}")
        converts = {
            name: convert
            for parameter, name in compiled.bind_names.items()
            if (convert := parameter.type.dialect_impl(dialect).bind_processor(dialect))
        }
        own = {name: value for name, value in compiled.params.items() if name not in names}
        self._own = {name: converts[name](value) if name in converts else value for name, value in own.items()}
        self._converts = [(name, convert) for name, convert in converts.items() if name not in own]
        self._in_order = _in_order(compiled.positiontup) if compiled.positional else dict
        self._columns = list(getattr(statement, "exported_columns", ()))
        self._dialect = dialect
        self._reader: Callable[[Sequence[Any]], Any] | None = None

    def parameters(self, values: Values) -> Any:
        """Return values as the driver takes them."""
        made = {**self._own, **values}
        for name, convert in self._converts:
            made[name] = convert(made[name])
        return self._in_order(made)

    def reader(self, cursor: Any) -> Callable[[Sequence[Any]], Any]:
        """Return what makes a row of what a cursor gives, as the types of its columns have it."""
        if self._reader is None:
            self._reader = self._make_reader([code for _, code, *_ in cursor.description])
        return self._reader

    def _make_reader(self, codes: Sequence[Any]) -> Callable[[Sequence[Any]], Any]:
        names = [getattr(column, "name", "") for column in self._columns]
        make = namedtuple("Row", names, rename=True)._make  # type: ignore[attr-defined]
        converts = [
            (place, convert)
            for place, (column, code) in enumerate(zip(self._columns, codes, strict=True))
            if (convert := column.type.dialect_impl(self._dialect).result_processor(self._dialect, code))
        ]

        def read(found: Sequence[Any]) -> Any:
            row = list(found)
            for place, convert in converts:
                row[place] = convert(row[place])
            return make(row)

        return read if converts else make


def _in_order(names: Sequence[str]) -> Callable[[Values], tuple[Any, ...]]:
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)


@contextmanager
def _cursor(connection: sa.Connection, form: _Form) -> Iterator[Any]:
    """Give a cursor of the driver's, whose errors are those of SQLAlchemy."""
    dialect, driver = connection.dialect, connection.connection
    cursor = driver.cursor()
    try:
        yield cursor
    except dialect.loaded_dbapi.Error as error:
        lost = dialect.is_disconnect(error, driver, cursor)
        raised = sa.exc.DBAPIError.instance(
            form.text,
            None,
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=lost,
            dialect=dialect,
        )
        if lost:
            connection.invalidate(error)
        raise raised from error
    finally:
        cursor.close()
