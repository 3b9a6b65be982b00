"""What is made beforehand, so that a first use waits for nothing: it is kept though nobody has used it for long.

That are the images of curated environments by their locks of today, and what services add to these: a conversion of
models needs more packages.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from orris_images import schema, spec_text
from orris_images.curated import CURATED
from orris_images.lock import Lock
from orris_images.records import OVERLAY, State
from orris_images.spec import Base

CURATED_DIGESTS = frozenset(spec.digest for spec in CURATED.values())


def prebuilt(connection: sa.Connection, workspace: str, images: Sequence[str]) -> set[str]:
    """Return those of some images that are made beforehand."""
    table = schema.locks.c
    query = sa.select(table.image, table.lock).where(table.workspace == workspace, table.digest.in_(CURATED_DIGESTS))
    curated = {row.image: Lock.from_json(row.lock) for row in connection.execute(query)}
    bases = [_base(lock) for lock in curated.values() if lock.interpreter is None]
    added = {image for image, base in _overlays(connection, workspace, images) if base in bases}
    return (curated.keys() & set(images)) | added


def lock_elsewhere(connection: sa.Connection, digest: str) -> Lock | None:
    """Return the lock that a curated environment has in another workspace, where it became an image: the newest."""
    if digest not in CURATED_DIGESTS:
        return None  # what a workspace's own environments are made of is its own business
    locks, made = schema.locks.c, schema.images.c
    is_made = sa.and_(made.workspace == locks.workspace, made.image == locks.image)
    query = sa.select(locks.lock).join_from(schema.locks, schema.images, is_made)
    query = query.where(locks.digest == digest).order_by(made.create_time.desc(), locks.workspace).limit(1)
    text = connection.execute(query).scalar_one_or_none()
    return None if text is None else Lock.from_json(text)


def _overlays(connection: sa.Connection, workspace: str, images: Sequence[str]) -> list[tuple[str, Base | None]]:
    """Return those of some images that services have asked for, each with what was added to."""
    table = schema.builds.c
    query = sa.select(table.image, table.spec).where(table.workspace == workspace, table.image.in_(images))
    query = query.where(table.target.startswith(OVERLAY, autoescape=True), table.state == State.SUCCEEDED)
    return [(row.image, spec_text.load(row.spec).base) for row in connection.execute(query)]


def _base(lock: Lock) -> Base:
    return Base(lock.python_version, lock.pins, conda_packages=lock.conda_packages)
