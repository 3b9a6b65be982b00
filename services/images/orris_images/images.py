"""Images, and the locks that specifications have."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, NotFound
from orris_images import schema
from orris_images.lock import Lock
from orris_images.records import Image
from orris_images.spec import Base, Spec
from orris_images.users import users_of
from orris_kit.database import insert_new, read


class Images:
    """The images in a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def get(self, workspace: str, image: str) -> Image:
        """Return an image. Raises NotFound (IMAGE_NOT_FOUND)."""
        query = sa.select(schema.images).where(*is_image(workspace, image))
        with read(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            users = users_of(connection, workspace, [image])
        if row is None:
            message = f"there is no image {image!r} in the workspace {workspace!r}; build its environment first"
            raise NotFound(message, reason="IMAGE_NOT_FOUND")
        return users.added_to(_image(row))

    def list(self, workspace: str, after: tuple[datetime, str] | None, limit: int) -> tuple[list[Image], bool]:
        """Return up to `limit` images, newest first, behind `after` (create time, id); and if more follow."""
        table = schema.images.c
        query = sa.select(schema.images).where(table.workspace == workspace, table.collect_time.is_(None))
        if after is not None:
            query = query.where(sa.tuple_(table.create_time, table.image) < sa.tuple_(*_typed(table, after)))
        query = query.order_by(table.create_time.desc(), table.image.desc()).limit(limit + 1)
        with read(self._engine) as connection:
            rows = connection.execute(query).all()
            users = users_of(connection, workspace, [row.image for row in rows[:limit]])
        return [users.added_to(_image(row)) for row in rows[:limit]], len(rows) > limit

    def overlay(self, workspace: str, image: str, packages: Sequence[str]) -> Spec:
        """Return the spec of an image with more packages. Raises NotFound, FailedPrecondition, InvalidArgument."""
        lock = self.get(workspace, image).lock
        if lock.interpreter is not None:
            message = f"nothing can be added to {lock.interpreter}: its packages are looked after by its user"
            raise FailedPrecondition(message, reason="USER_MANAGED_IMAGE")
        return Spec(
            packages=tuple(packages),
            base=Base(lock.python_version, lock.pins, conda_packages=lock.conda_packages),
            base_image=lock.base_image,
            index_url=lock.index_url,
            extra_index_urls=lock.extra_index_urls,
        )


def kept_lock(connection: sa.Connection, workspace: str, digest: str) -> Lock | None:
    """Return the lock that a specification has, None before its first."""
    table = schema.locks.c
    query = sa.select(table.lock).where(table.workspace == workspace, table.digest == digest)
    text = connection.execute(query).scalar_one_or_none()
    return None if text is None else Lock.from_json(text)


def lock_of(connection: sa.Connection, workspace: str, image: str) -> Lock | None:
    """Return what an image was made from, None where there is no such image."""
    text = connection.execute(sa.select(schema.images.c.lock).where(*is_image(workspace, image))).scalar_one_or_none()
    return None if text is None else Lock.from_json(text)


def keep_lock(connection: sa.Connection, workspace: str, digest: str, lock: Lock) -> None:
    """Make `lock` the one that a specification has."""
    table = schema.locks
    row = {"workspace": workspace, "digest": digest, "image": lock.image_id, "lock": lock.to_json()}
    if not insert_new(connection, table, [row]):
        is_its = (table.c.workspace == workspace, table.c.digest == digest)
        connection.execute(table.update().where(*is_its).values(row))


def keep_image(
    connection: sa.Connection, workspace: str, lock: Lock, now: datetime, reference: str = "", size: int = 0
) -> None:
    """Make `lock` an image, or note where the one that it is lies now."""
    made = {"size": size, "reference": reference, "use_time": now, "collect_time": None}
    row = {"workspace": workspace, "image": lock.image_id, "lock": lock.to_json(), "create_time": now, **made}
    if not insert_new(connection, schema.images, [row]):
        connection.execute(schema.images.update().where(*is_image(workspace, lock.image_id)).values(made))


def note_there(connection: sa.Connection, workspace: str, image: str, now: datetime) -> None:
    """Note that an image is where its reference says, and needed."""
    there = {"use_time": now, "collect_time": None}
    connection.execute(schema.images.update().where(*is_image(workspace, image)).values(there))


def forget_place(connection: sa.Connection, workspace: str, image: str, now: datetime) -> None:
    """Note that an image is not where its reference says: the next build makes it."""
    connection.execute(schema.images.update().where(*is_image(workspace, image)).values(collect_time=now))


def image_of(connection: sa.Connection, workspace: str, digest: str) -> tuple[str, str]:
    """Return the id of the image that a specification has, and its reference; empty where it has none yet."""
    locks, made = schema.locks.c, schema.images.c
    is_made = sa.and_(made.workspace == locks.workspace, made.image == locks.image, made.collect_time.is_(None))
    query = sa.select(made.image, made.reference).join_from(schema.locks, schema.images, is_made)
    row = connection.execute(query.where(locks.workspace == workspace, locks.digest == digest)).one_or_none()
    return ("", "") if row is None else (row.image, row.reference)


def images_of(connection: sa.Connection, workspace: str, digests: Sequence[str]) -> dict[str, str]:
    """Return the ids of the images that specifications have, by their digests."""
    locks, made = schema.locks.c, schema.images.c
    is_made = sa.and_(made.workspace == locks.workspace, made.image == locks.image, made.collect_time.is_(None))
    query = sa.select(locks.digest, locks.image).join_from(schema.locks, schema.images, is_made)
    rows = connection.execute(query.where(locks.workspace == workspace, locks.digest.in_(digests)))
    return {row.digest: row.image for row in rows}


def is_image(workspace: str, image: str) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what is true of the row of an image."""
    return schema.images.c.workspace == workspace, schema.images.c.image == image


def _typed(
    table: sa.sql.base.ReadOnlyColumnCollection[str, sa.Column[object]], after: tuple[datetime, str]
) -> list[sa.ColumnElement[object]]:
    return [sa.literal(after[0], table.create_time.type), sa.literal(after[1])]


def _image(row: sa.Row[tuple[object, ...]]) -> Image:
    times = {"use_time": row.use_time, "collect_time": row.collect_time}
    lock = Lock.from_json(row.lock)
    return Image(row.workspace, row.image, lock, row.size, row.create_time, row.reference, **times)
