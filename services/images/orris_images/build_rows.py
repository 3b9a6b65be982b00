"""Builds in the database: how they are read, and how they move from state to state."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime

import sqlalchemy as sa

from orris_images import schema, spec_text
from orris_images.records import UNFINISHED, Build, State

Key = tuple[str, str]
_TABLE = schema.builds


def insert(connection: sa.Connection, build: Build) -> None:
    """Store a new build."""
    row = {each.name: getattr(build, each.name) for each in fields(build)}
    row |= {"digest": build.spec.digest, "spec": spec_text.dump(build.spec), "warnings": json.dumps(build.warnings)}
    connection.execute(_TABLE.insert().values(row))


def get(connection: sa.Connection, key: Key) -> Build | None:
    """Return a build if there is one by that key."""
    row = connection.execute(sa.select(_TABLE).where(*_is(key))).one_or_none()
    return None if row is None else _build(row)


def newest(connection: sa.Connection, workspace: str, target: str, states: tuple[State, ...]) -> Build | None:
    """Return the newest build of a target in one of these states."""
    query = sa.select(_TABLE).where(_TABLE.c.workspace == workspace, _TABLE.c.target == target)
    query = query.where(_TABLE.c.state.in_(states)).order_by(_TABLE.c.create_time.desc(), _TABLE.c.build.desc())
    row = connection.execute(query.limit(1)).one_or_none()
    return None if row is None else _build(row)


def newest_of_image(connection: sa.Connection, workspace: str, image: str) -> Build | None:
    """Return the newest build that made an image."""
    query = sa.select(_TABLE).where(_TABLE.c.workspace == workspace, _TABLE.c.image == image)
    query = query.where(_TABLE.c.state == State.SUCCEEDED)
    query = query.order_by(_TABLE.c.create_time.desc(), _TABLE.c.build.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _build(row)


def unfinished(connection: sa.Connection) -> list[Build]:
    """Return the builds of all workspaces that are in no final state, oldest first."""
    query = sa.select(_TABLE).where(_TABLE.c.state.in_(UNFINISHED)).order_by(_TABLE.c.create_time, _TABLE.c.build)
    return [_build(row) for row in connection.execute(query)]


def page(connection: sa.Connection, workspace: str, after: tuple[datetime, str] | None, limit: int) -> list[Build]:
    """Return up to `limit` builds, newest first, behind `after` (create time, id)."""
    query = sa.select(_TABLE).where(_TABLE.c.workspace == workspace)
    if after is not None:
        last = sa.tuple_(sa.literal(after[0], _TABLE.c.create_time.type), sa.literal(after[1]))
        query = query.where(sa.tuple_(_TABLE.c.create_time, _TABLE.c.build) < last)
    query = query.order_by(_TABLE.c.create_time.desc(), _TABLE.c.build.desc()).limit(limit)
    return [_build(row) for row in connection.execute(query)]


def advance(
    connection: sa.Connection,
    key: Key,
    state: State,
    *,
    now: datetime,
    image: str = "",
    error: str = "",
    warnings: tuple[str, ...] | None = None,
) -> bool:
    """Move a build to a state, unless it is in a final one: then return False."""
    values: dict[str, object] = {"state": state, "image": image, "error": error, "progress": ""}
    if warnings is not None:
        values["warnings"] = json.dumps(warnings)
    if state not in UNFINISHED:
        values["end_time"] = now
    if state is State.SUCCEEDED:
        values["progress_percent"] = 100
    if state is State.RESOLVING:
        values["start_time"] = sa.func.coalesce(_TABLE.c.start_time, sa.literal(now, _TABLE.c.start_time.type))
    is_open = _TABLE.c.state.in_(UNFINISHED)
    return connection.execute(_TABLE.update().where(*_is(key), is_open).values(values)).rowcount == 1


def note_progress(connection: sa.Connection, key: Key, percent: int, doing: str) -> bool:
    """Note how far a build is, which never goes back; one that is in a final state stays as it is: return False."""
    least = sa.case((_TABLE.c.progress_percent < percent, percent), else_=_TABLE.c.progress_percent)
    values = {"progress_percent": least, "progress": doing}
    is_open = _TABLE.c.state.in_(UNFINISHED)
    return connection.execute(_TABLE.update().where(*_is(key), is_open).values(values)).rowcount == 1


def _is(key: Key) -> tuple[sa.ColumnElement[bool], ...]:
    return _TABLE.c.workspace == key[0], _TABLE.c.build == key[1]


def _build(row: sa.Row[tuple[object, ...]]) -> Build:
    values = {each.name: getattr(row, each.name) for each in fields(Build)}
    known = {"spec": spec_text.load(row.spec), "state": State(row.state), "warnings": tuple(json.loads(row.warnings))}
    return Build(**{**values, **known})
