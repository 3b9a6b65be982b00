"""What is different from one kind of database to the next, kept with its engine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from orris_kit.database.connections import Connections

_OPTION = "orris_traits"


def _open() -> None:
    """Let everything through."""


@dataclass(slots=True)
class Traits:
    """How an engine reads and writes.

    one_writer: held while a transaction writes. to_read, to_write: connections for transactions. schema: where the
    tables are, in a database that has schemas. gate: raises while this process may not write. statements:
    those that are put together already.
    """

    one_writer: AbstractContextManager[Any] = field(default_factory=nullcontext)
    to_read: Connections = field(default_factory=Connections)
    to_write: Connections = field(default_factory=Connections)
    schema: str = ""
    gate: Callable[[], None] = _open
    statements: dict[Any, Any] = field(default_factory=dict)

    @property
    def options(self) -> dict[str, Any]:
        """The execution options of an engine with these traits."""
        return {_OPTION: self}


def traits_of(bind: sa.Engine | sa.Connection) -> Traits:
    """Return the traits of an engine, or of a connection's."""
    traits: Traits = bind.get_execution_options()[_OPTION]
    return traits
