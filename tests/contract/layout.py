"""What a database's tables are like, as the database itself tells it."""

from __future__ import annotations

import re

import sqlalchemy as sa

_COLUMNS = """
SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, collation_name, column_default
FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'alembic_version'
"""
_INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace
"""
_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"


def layout(connection: sa.Connection) -> list[tuple[object, ...]]:
    """Return columns, indexes and constraints, sorted."""
    if connection.dialect.name == "postgresql":
        parts = [connection.exec_driver_sql(query).all() for query in (_COLUMNS, _INDEXES, _CONSTRAINTS)]
        rows = [tuple(row) for part in parts for row in part]
    else:
        rows = [(name, re.sub(r"\W+", " ", sql).lower()) for name, sql in connection.exec_driver_sql(_SQLITE)]
        for table in sa.inspect(connection).get_table_names():
            columns = connection.exec_driver_sql(
                f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{table}')"
            )
            rows += [(table, *row) for row in columns]
    return sorted((row for row in rows if "alembic_version" not in str(row)), key=str)
