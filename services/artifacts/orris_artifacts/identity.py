"""A store belongs to one database, and each knows it of the other by an id.

Without that, a second database on the same store would take all objects there for left behind, and collect them; and a
database on another store than before would promise blobs that are not there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition
from orris_artifacts import schema
from orris_artifacts.object_keys import old_digest
from orris_artifacts.store.port import ObjectLost, Store
from orris_kit.database import insert_new, read, write
from orris_kit.logging import get_logger

MARK = "orris-store"
_ID_BYTES = 32
_PROBED = 3
_KEY = 1

log = get_logger(__name__)


def claim(store: Store, engine: sa.Engine, clock: Callable[[], datetime]) -> None:
    """Check that store and database belong together, or bring them together if both are new.

    Raises FailedPrecondition (OTHER_DATABASE, OTHER_STORE).
    """
    marked, known = _mark_of(store), _known(engine)
    if marked is None:
        if known is None:
            known = _introduce(store, engine, clock())
        elif not _has_what_is_promised(store, engine):
            raise _other_store(store, known)
        store.put(MARK, known.encode())
    elif known is None:
        message = (
            f"{store.place} belongs to another database ({MARK} there says {marked!r}); give this one a place of its"
            " own, or set ORRIS_ARTIFACTS_DATABASE to the database it belongs to"
        )
        raise FailedPrecondition(message, reason="OTHER_DATABASE")
    elif marked != known:
        raise _other_store(store, known)


def _introduce(store: Store, engine: sa.Engine, now: datetime) -> str:
    """Give the database its id, and rows for the blobs that version 0.1 stored without any."""
    found = {}
    for stored in store.list(""):
        if digest := old_digest(stored.key):
            found[stored.key] = {"digest": digest, "size": stored.size, "object": stored.key}
    always = {"offset": 0, "use_time": now, "damaged": False}
    rows = [{"workspace": key.partition("/")[0], **row, **always} for key, row in found.items()]
    with write(engine) as connection:
        insert_new(connection, schema.stores, [{"key": _KEY, "id": secrets.token_hex(_ID_BYTES // 2)}])
        insert_new(connection, schema.blobs, rows)
    if rows:
        log.info("blobs of an earlier version taken over", count=len(rows))
    known = _known(engine)
    assert known is not None
    return known


def _known(engine: sa.Engine) -> str | None:
    with read(engine) as connection:
        return connection.scalars(sa.select(schema.stores.c.id)).one_or_none()


def _mark_of(store: Store) -> str | None:
    try:
        return store.read(MARK).decode(errors="replace")[:_ID_BYTES]
    except ObjectLost:
        return None if store.size(MARK) is None else ""  # one that cannot be read is that of nobody knows whom


def _has_what_is_promised(store: Store, engine: sa.Engine) -> bool:
    """Tell whether objects that the database knows are in a store that lost its mark, or never got it."""
    with read(engine) as connection:
        objects = connection.scalars(sa.select(schema.blobs.c.object).limit(_PROBED)).all()
    return all(store.size(each) is not None for each in objects)


def _other_store(store: Store, known: str) -> FailedPrecondition:
    message = (
        f"{store.place} is not the store that this database was used with. Set ORRIS_ARTIFACTS_STORE back to that one;"
        f" if this is a copy of it, put an object named {MARK} there that holds {known}"
    )
    return FailedPrecondition(message, reason="OTHER_STORE")
