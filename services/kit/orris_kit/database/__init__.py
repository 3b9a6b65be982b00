"""Databases: SQLite for one machine, PostgreSQL for several; short transactions, migrations on opening.

engine = open_database(url, "orris_runs", metadata)
with write(engine) as connection: ...
with read(engine) as connection: ...

In PostgreSQL, a transaction that writes sees what others commit meanwhile (READ COMMITTED): it locks the rows that it
decides on (`with_for_update`, always in one order), takes turns (`take_turn`) where there are no rows yet, and leaves
it to the constraints who was first (`insert_new`). In SQLite there is one writer at a time: all of these cost nothing.
"""

from orris_kit.database.alone import open_alone, open_shared
from orris_kit.database.among import among
from orris_kit.database.columns import JSON, Text, UtcDateTime, partial_index
from orris_kit.database.errors import DatabaseUnavailable
from orris_kit.database.opening import open_database
from orris_kit.database.statement import Statement
from orris_kit.database.together import Together
from orris_kit.database.transactions import insert_new, read, take_turn, write

__all__ = [
    "JSON",
    "DatabaseUnavailable",
    "Statement",
    "Text",
    "Together",
    "UtcDateTime",
    "among",
    "insert_new",
    "open_alone",
    "open_database",
    "open_shared",
    "partial_index",
    "read",
    "take_turn",
    "write",
]
