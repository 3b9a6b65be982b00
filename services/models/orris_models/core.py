"""The registry's rules: numbers only grow, properties keep their value, what is served is not deleted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, NotFound
from orris_kit.database import insert_new, read, write
from orris_models import listing, schema
from orris_models.checks import check_description, check_labels
from orris_models.model import UNFINISHED, Conversion, Draft, Framework, Signature, State, Version
from orris_models.store import examined_row, is_version, load, row_of

CREATE = "CreateModelVersion"


@dataclass(frozen=True)
class Claim:
    """Who asks for a version, to recognise a retry. `payload` is the request as bytes."""

    workspace: str
    model: str
    request_id: str
    payload: bytes

    @property
    def scope(self) -> str:
        """What the request id belongs to."""
        return f"workspaces/{self.workspace}"


@dataclass(frozen=True)
class Needs:
    """The trees and the images that somebody needs."""

    trees: list[str]
    images: list[str]


class Models:
    """Versions in a database. `notify` is called with a version's name after each change of it."""

    def __init__(self, engine: sa.Engine, clock: Callable[[], datetime], notify: Callable[[str], None]) -> None:
        self._engine = engine
        self._clock = clock
        self._notify = notify

    def made_before(self, claim: Claim) -> Version | None:
        """Return what the same request made before. Raises InvalidArgument (REQUEST_ID_REUSED)."""
        with read(self._engine) as connection:
            return self._recall(connection, claim)

    def reserve(self, workspace: str, model: str) -> int:
        """Return the next number of a model, for a version that is not committed yet."""
        table = schema.models
        key = sa.and_(table.c.workspace == workspace, table.c.model == model)
        with write(self._engine) as connection:
            insert_new(connection, table, [{"workspace": workspace, "model": model, "last_number": 0}])
            statement = sa.update(table).where(key).values(last_number=table.c.last_number + 1)
            number = connection.execute(statement.returning(table.c.last_number)).scalar_one()
            _note(connection, workspace, model, int(number))
            return int(number)

    def commit(self, claim: Claim, number: int, draft: Draft) -> Version:
        """Store a version under a reserved number; return what the same request made meanwhile instead."""
        now = self._clock()
        version = Version(claim.workspace, claim.model, number, draft, now, first_conversion(draft, now))
        with write(self._engine) as connection:
            if made := self._recall(connection, claim):
                return made
            connection.execute(schema.versions.insert().values(row_of(version)))
            _set_tags(connection, version, draft.tags)
            _forget(connection, claim.workspace, claim.model, number)
            schema.requests.remember(connection, CREATE, claim.scope, claim.request_id, claim.payload, version.name)
        return version

    def get(self, workspace: str, model: str, number: int | None = None) -> Version:
        """Return a version, the latest where no number is given. Raises NotFound (MODEL_NOT_FOUND)."""
        with read(self._engine) as connection:
            return self._get(connection, workspace, model, number)

    def page(self, query: listing.Query, after: Sequence[object] | None, limit: int) -> tuple[list[Version], bool]:
        """Return a page of versions, and whether more follow."""
        with read(self._engine) as connection:
            rows = list(connection.execute(listing.statement(query, after).limit(limit + 1)))
            return load(connection, rows[:limit]), len(rows) > limit

    def update(
        self,
        workspace: str,
        model: str,
        number: int,
        *,
        description: str | None,
        set_tags: Mapping[str, str],
        remove_tags: Sequence[str],
        set_properties: Mapping[str, str],
    ) -> Version:
        """Change description and tags, add properties. Raises NotFound, InvalidArgument, FailedPrecondition."""
        with write(self._engine) as connection:
            version = self._get(connection, workspace, model, number, lock=True)
            tags = {key: value for key, value in version.content.tags.items() if key not in set(remove_tags)}
            content = replace(
                version.content,
                description=version.content.description if description is None else description,
                tags={**tags, **set_tags},
                properties=_with_properties(version.content.properties, set_properties),
            )
            check_description(content.description)
            check_labels("tags", content.tags)
            check_labels("properties", content.properties)
            version = replace(version, content=content)
            mine = is_version(schema.versions, workspace, model, number)
            connection.execute(schema.versions.update().where(mine).values(content=row_of(version)["content"]))
            connection.execute(schema.tags.delete().where(is_version(schema.tags, workspace, model, number)))
            _set_tags(connection, version, content.tags)
        self._notify(version.name)
        return version

    def delete(self, workspace: str, model: str, number: int) -> str:
        """Delete a version; return its name. Raises NotFound, FailedPrecondition (MODEL_IN_USE)."""
        with write(self._engine) as connection:
            version = self._get(connection, workspace, model, number, lock=True)
            users = connection.scalars(
                sa.select(schema.uses.c.user).where(is_version(schema.uses, workspace, model, number)).limit(5)
            ).all()
            if users:
                message = f"{version.name} is served by {', '.join(users)}; delete or redeploy that first"
                raise FailedPrecondition(message, reason="MODEL_IN_USE", metadata={"users": ",".join(users)})
            for table in (schema.versions, schema.tags):
                connection.execute(table.delete().where(is_version(table, workspace, model, number)))
            _note(connection, workspace, model, number)
        self._notify(version.name)
        return version.name

    def set_use(self, workspace: str, model: str, number: int, user: str, in_use: bool) -> None:
        """Say whether somebody serves a version. Raises NotFound where it is to be used."""
        key = is_version(schema.uses, workspace, model, number)
        with write(self._engine) as connection:
            if in_use:
                self._get(connection, workspace, model, number, lock=True)
            connection.execute(schema.uses.delete().where(key, schema.uses.c.user == user))
            if in_use:
                values = {"workspace": workspace, "model": model, "number": number, "user": user}
                connection.execute(schema.uses.insert().values(values))

    def set_conversion(self, version: Version, conversion: Conversion, signature: Signature | None = None) -> bool:
        """Record how far a version's conversion is; return False for one that was deleted or ended meanwhile."""
        mine = is_version(schema.versions, version.workspace, version.model, version.number)
        unfinished = schema.versions.c.conversion_state.in_([str(state) for state in UNFINISHED])
        if conversion.state.final and conversion.end_time is None:
            conversion = replace(conversion, end_time=self._clock())
        with write(self._engine) as connection:
            values = examined_row(signature, conversion)
            changed = connection.execute(schema.versions.update().where(mine, unfinished).values(values)).rowcount
            if changed and conversion.onnx_tree:
                _forget(connection, version.workspace, version.model, version.number)
        self._notify(version.name)
        return changed == 1

    def unfinished(self) -> list[Version]:
        """Return the versions whose conversion is not in a final state."""
        states = [str(state) for state in UNFINISHED]
        with read(self._engine) as connection:
            found = sa.select(schema.versions).where(schema.versions.c.conversion_state.in_(states))
            return load(connection, list(connection.execute(found)))

    def loose_references(self) -> list[tuple[str, str, int]]:
        """Return (workspace, model, number) of what may keep more at the artifacts than it needs."""
        with read(self._engine) as connection:
            found = connection.execute(sa.select(schema.loose_references))
            return [(row.workspace, row.model, row.number) for row in found]

    def loosen(self, workspace: str, model: str, number: int) -> bool:
        """Note that a version may keep more than it needs; return False where there is none (any more)."""
        mine = sa.select(schema.versions.c.number).where(is_version(schema.versions, workspace, model, number))
        with write(self._engine) as connection:
            if connection.execute(mine.with_for_update()).first() is None:
                return False
            _note(connection, workspace, model, number)
        return True

    def loosely_needed(self, workspace: str, model: str, number: int) -> Needs | None:
        """Return what a noted version needs, nothing for one that is not there; None for what is not noted."""
        loose = schema.loose_references
        noted = sa.select(loose).where(is_version(loose, workspace, model, number))
        with write(self._engine) as connection:
            # Locked: whoever is about to commit the version comes to an end first.
            if connection.execute(noted.with_for_update()).first() is None:
                return None
            found = sa.select(schema.versions).where(is_version(schema.versions, workspace, model, number))
            versions = load(connection, list(connection.execute(found)))
        needs = [needs_of(each.content, each.conversion.onnx_tree) for each in versions]
        return needs[0] if needs else Needs([], [])

    def settle(self, workspace: str, model: str, number: int) -> None:
        """Forget what was noted: it is right."""
        with write(self._engine) as connection:
            _forget(connection, workspace, model, number)

    def _recall(self, connection: sa.Connection, claim: Claim) -> Version | None:
        name = schema.requests.recall(connection, CREATE, claim.scope, claim.request_id, claim.payload)
        if name is None:
            return None
        _, workspace, _, model, _, number = name.split("/")
        return self._get(connection, workspace, model, int(number))

    def _get(
        self, connection: sa.Connection, workspace: str, model: str, number: int | None, *, lock: bool = False
    ) -> Version:
        """Return a version, locked if what it stands for is to be changed. Raises NotFound (MODEL_NOT_FOUND)."""
        table = schema.versions.c
        found = sa.select(schema.versions).where(table.workspace == workspace, table.model == model)
        found = found.order_by(table.number.desc()).limit(1) if number is None else found.where(table.number == number)
        rows = list(connection.execute(found.with_for_update() if lock else found))
        if not rows:
            raise _not_found(connection, workspace, model, number)
        return load(connection, rows)[0]


def first_conversion(draft: Draft, now: datetime) -> Conversion:
    """Return where the conversion of a new version stands."""
    if draft.framework is Framework.SCIKIT_LEARN:
        return Conversion(State.PENDING, "waits for its environment")
    said = "it is ONNX already" if draft.framework is Framework.ONNX else f"{draft.framework} models are not converted"
    return Conversion(State.NOT_APPLICABLE, said, end_time=now)


def needs_of(draft: Draft, onnx_tree: str = "") -> Needs:
    """Return what a version needs."""
    trees = [tree for tree in (draft.tree, draft.snapshot, onnx_tree) if tree]
    return Needs(trees, [draft.image] if draft.image else [])


def _note(connection: sa.Connection, workspace: str, model: str, number: int) -> None:
    key = {"workspace": workspace, "model": model, "number": number}
    insert_new(connection, schema.loose_references, [key])


def _forget(connection: sa.Connection, workspace: str, model: str, number: int) -> None:
    loose = schema.loose_references
    connection.execute(loose.delete().where(is_version(loose, workspace, model, number)))


def _set_tags(connection: sa.Connection, version: Version, tags: Mapping[str, str]) -> None:
    key = {"workspace": version.workspace, "model": version.model, "number": version.number}
    if tags:
        connection.execute(schema.tags.insert(), [{**key, "key": tag, "value": value} for tag, value in tags.items()])


def _with_properties(known: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    for key, value in added.items():
        if known.get(key, value) != value:
            message = f"property {key[:40]!r} is set to another value already; properties never change, use a tag"
            raise FailedPrecondition(message, reason="PROPERTY_SET", metadata={"property": key[:255]})
    return {**known, **added}


def _not_found(connection: sa.Connection, workspace: str, model: str, number: int | None) -> NotFound:
    table = schema.versions.c
    mine = sa.select(table.number).where(table.workspace == workspace, table.model == model)
    numbers = connection.scalars(mine.order_by(table.number.desc()).limit(10)).all()
    if numbers:
        has = ", ".join(map(str, numbers))
        return NotFound(f"model {model!r} has no version {number}; it has {has}", reason="MODEL_NOT_FOUND")
    names = connection.scalars(
        sa.select(table.model).where(table.workspace == workspace).distinct().limit(10_000)
    ).all()
    close = difflib.get_close_matches(model, names, n=5, cutoff=0.5)
    hint = f"similar names: {', '.join(close)}" if close else "register it first, or list the models"
    return NotFound(f"no model {model!r} in workspace {workspace!r}; {hint}", reason="MODEL_NOT_FOUND")
