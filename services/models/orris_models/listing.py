"""Lists of versions: the latest of each model by name, or all of one, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from orris_models import schema


@dataclass(frozen=True)
class Query:
    """What to list. Without a model: of each model the latest version that fits."""

    workspace: str
    model: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    run: str = ""


def statement(query: Query, after: Sequence[object] | None) -> sa.Select[Any]:
    """Return the rows in order, behind the key `after`: (model,) for the latest of each, (number,) for all of one."""
    table = schema.versions
    fitting = [table.c.workspace == query.workspace, *_conditions(query, table)]
    if query.model:
        found = sa.select(table).where(*fitting, table.c.model == query.model).order_by(table.c.number.desc())
        return found.where(table.c.number < after[0]) if after else found
    newest = sa.select(table.c.model, sa.func.max(table.c.number).label("number")).where(*fitting)
    if after:
        newest = newest.where(table.c.model > after[0])
    latest = newest.group_by(table.c.model).subquery()
    same = sa.and_(table.c.model == latest.c.model, table.c.number == latest.c.number)
    chosen = sa.select(table).join(latest, same).where(table.c.workspace == query.workspace)
    return chosen.order_by(table.c.model)


def _conditions(query: Query, table: sa.Table) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = [table.c.run == query.run] if query.run else []
    for key, value in query.tags.items():
        tag = schema.tags.c
        same = [tag.workspace == table.c.workspace, tag.model == table.c.model, tag.number == table.c.number]
        wanted = sa.select(sa.literal(1)).select_from(schema.tags).where(*same, tag.key == key)
        found.append((wanted.where(tag.value == value) if value else wanted).exists())
    return found
