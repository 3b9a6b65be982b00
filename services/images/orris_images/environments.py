"""Environments and their versions: registered by users, or curated."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from difflib import get_close_matches

import sqlalchemy as sa

from orris.errors import InvalidArgument, NotFound
from orris_images import schema, spec_text
from orris_images.curated import CURATED, CURATED_VERSION
from orris_images.images import images_of
from orris_images.records import Environment
from orris_images.spec import Spec
from orris_kit.database import read, take_turn, write

NAMED = 6
SIMILAR = 3
_RESERVED = re.compile(r"azureml|microsoft", re.IGNORECASE)
_CURATED_NAMES = frozenset(name.lower() for name in CURATED)


class Environments:
    """The environments in a database, and the curated ones, which every workspace has."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime]) -> None:
        self._engine, self._clock = engine, clock

    def create(
        self, workspace: str, environment: str, spec: Spec, message: bytes, request_id: str = "", payload: bytes = b""
    ) -> Environment:
        """Return the latest version when it means the same as `spec`, else the next one, made now.

        `message` is the specification as sent, kept to be given back. Raises InvalidArgument (RESERVED_NAME).
        """
        check_not_reserved(environment)
        request = ("CreateEnvironment", workspace, request_id, payload)
        with write(self._engine) as connection:
            version = schema.requests.recall(connection, *request)
            take_turn(connection, "environment", workspace, environment)
            latest = _newest(connection, workspace, environment, version)
            if version is not None and latest is not None:
                return _with_images(connection, workspace, [latest])[0]
            if latest is None or not _same(latest.spec, spec):
                number = 1 if latest is None else int(latest.version) + 1
                latest = Environment(workspace, environment, str(number), spec, message, create_time=self._clock())
                connection.execute(schema.environments.insert().values(_row(latest, number)))
            schema.requests.remember(connection, *request, latest.version)
            return _with_images(connection, workspace, [latest])[0]

    def get(self, workspace: str, environment: str, version: str | None = None) -> Environment:
        """Return a version, by default the latest. Raises NotFound (ENVIRONMENT_NOT_FOUND)."""
        with read(self._engine) as connection:
            found = _curated(workspace, environment, version) or _newest(connection, workspace, environment, version)
            if found is not None:
                return _with_images(connection, workspace, [found])[0]
            raise self._unknown(connection, workspace, environment, version)

    def uses_context(self, workspace: str, environment: str, context: str) -> bool:
        """Tell whether a version of an environment has a Dockerfile that uses a tree (its resource name)."""
        table = schema.environments.c
        query = sa.select(table.spec).where(table.workspace == workspace, table.environment == environment)
        with read(self._engine) as connection:
            specs = map(spec_text.load, connection.execute(query).scalars())
            return any(spec.dockerfile is not None and spec.dockerfile.context == context for spec in specs)

    def latest(self, workspace: str, after: str, limit: int) -> tuple[list[Environment], bool]:
        """Return the latest versions of up to `limit` environments by name behind `after`; and if there are more."""
        table = schema.environments
        latest = (
            sa.select(table.c.environment, sa.func.max(table.c.version).label("version"))
            .where(table.c.workspace == workspace, table.c.environment > after)
            .group_by(table.c.environment)
            .order_by(table.c.environment)
            .limit(limit + 1)
            .subquery()
        )
        is_latest = sa.and_(table.c.environment == latest.c.environment, table.c.version == latest.c.version)
        query = sa.select(table).join(latest, is_latest).where(table.c.workspace == workspace)
        with read(self._engine) as connection:
            found = [_environment(row) for row in connection.execute(query)]
            found += [_of_curated(workspace, name) for name in CURATED if name > after]
            found.sort(key=lambda one: one.environment)
            return _with_images(connection, workspace, found[:limit]), len(found) > limit

    def versions(
        self, workspace: str, environment: str, before: int | None, limit: int
    ) -> tuple[list[Environment], bool]:
        """Return up to `limit` versions, newest first, below `before`; and whether there are more. Raises NotFound."""
        if environment in CURATED:
            return ([self.get(workspace, environment)], False) if before is None else ([], False)
        table = schema.environments
        query = sa.select(table).where(table.c.workspace == workspace, table.c.environment == environment)
        if before is not None:
            query = query.where(table.c.version < before)
        with read(self._engine) as connection:
            found = [
                _environment(row) for row in connection.execute(query.order_by(table.c.version.desc()).limit(limit + 1))
            ]
            if not found and before is None:
                raise self._unknown(connection, workspace, environment, None)
            return _with_images(connection, workspace, found[:limit]), len(found) > limit

    def _unknown(self, connection: sa.Connection, workspace: str, environment: str, version: str | None) -> NotFound:
        latest = _curated(workspace, environment, None) or _newest(connection, workspace, environment, None)
        if latest is not None:
            message = f"environment {environment!r} has no version {version!r}: its latest is {latest.version!r}"
        else:
            table = schema.environments.c
            names = sa.select(table.environment).distinct().where(table.workspace == workspace)
            known = sorted({*connection.execute(names).scalars(), *CURATED})
            similar = _similar(environment, known)
            hint = f"similar names: {', '.join(similar)}" if similar else f"there are {', '.join(known[:NAMED])}"
            hint += f" and {len(known) - NAMED} more" if not similar and len(known) > NAMED else ""
            message = f"there is no environment {environment!r} in the workspace {workspace!r}; {hint}"
        return NotFound(message, reason="ENVIRONMENT_NOT_FOUND")


def check_not_reserved(environment: str) -> None:
    """Raise InvalidArgument (RESERVED_NAME) for a name that users cannot register."""
    if _RESERVED.match(environment) or environment.lower() in _CURATED_NAMES:
        text = f"environment_id: {environment!r} is a name of curated environments; choose another"
        raise InvalidArgument(text, field="environment_id", reason="RESERVED_NAME")


def _similar(name: str, known: Iterable[str]) -> list[str]:
    by_lower = {one.lower(): one for one in known}
    return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, SIMILAR, 0.5)]


def _same(one: Spec, other: Spec) -> bool:
    return one.digest == other.digest and one.environment_variables == other.environment_variables


def _of_curated(workspace: str, name: str) -> Environment:
    return Environment(workspace, name, CURATED_VERSION, CURATED[name])


def _curated(workspace: str, environment: str, version: str | None) -> Environment | None:
    known = environment in CURATED and version in (None, CURATED_VERSION)
    return _of_curated(workspace, environment) if known else None


def _newest(
    connection: sa.Connection, workspace: str, environment: str, version: str | None = None
) -> Environment | None:
    """Return the latest version, or the one asked for, if there is one."""
    table = schema.environments
    query = sa.select(table).where(table.c.workspace == workspace, table.c.environment == environment)
    if version is not None:
        if not re.fullmatch(r"[1-9][0-9]{0,8}", version):
            return None
        query = query.where(table.c.version == int(version))
    row = connection.execute(query.order_by(table.c.version.desc()).limit(1)).one_or_none()
    return None if row is None else _environment(row)


def _with_images(connection: sa.Connection, workspace: str, found: list[Environment]) -> list[Environment]:
    known = images_of(connection, workspace, [one.spec.digest for one in found])
    return [replace(one, image=known.get(one.spec.digest, "")) for one in found]


def _row(one: Environment, number: int) -> dict[str, object]:
    return {
        "workspace": one.workspace,
        "environment": one.environment,
        "version": number,
        "digest": one.spec.digest,
        "spec": spec_text.dump(one.spec),
        "message": one.message,
        "create_time": one.create_time,
    }


def _environment(row: sa.Row[tuple[object, ...]]) -> Environment:
    spec = spec_text.load(row.spec)
    version = str(row.version)
    return Environment(row.workspace, row.environment, version, spec, row.message, create_time=row.create_time)
