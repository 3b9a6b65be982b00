"""Which images their owners need: those are kept."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images import schema
from orris_kit.database import write

MOST_TARGETS = 100
OWNER_CHARACTERS = 1024


class References:
    """The references in a database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def set(self, workspace: str, owner: str, images: Sequence[str]) -> None:
        """Set which images (ids) an owner needs, instead of those it needed before.

        Raises InvalidArgument, FailedPrecondition (TARGET_MISSING).
        """
        _check_owner(workspace, owner)
        wanted = sorted(set(images))
        if len(wanted) > MOST_TARGETS:
            message = f"{len(wanted)} images are too many for one owner; at most {MOST_TARGETS}"
            raise InvalidArgument(message, field="reference.images")
        with write(self._engine) as connection:
            _hold(connection, workspace, wanted)
            _drop(connection, workspace, owner)
            if rows := [{"workspace": workspace, "owner": owner, "image": image} for image in wanted]:
                connection.execute(schema.references.insert(), rows)

    def delete(self, workspace: str, owner: str) -> None:
        """Drop what an owner needed, if anything. Raises InvalidArgument."""
        _check_owner(workspace, owner)
        with write(self._engine) as connection:
            _drop(connection, workspace, owner)


def _hold(connection: sa.Connection, workspace: str, wanted: Sequence[str]) -> None:
    """Lock the rows of images, so that none is deleted before the reference is there. Raises FailedPrecondition."""
    table = schema.images.c
    query = sa.select(table.image).where(table.workspace == workspace, table.image.in_(wanted))
    there = set(connection.execute(query.order_by(table.image).with_for_update()).scalars())
    for image in wanted:
        if image not in there:
            message = f"there is no image workspaces/{workspace}/images/{image}; build it before referring to it"
            raise FailedPrecondition(message, reason="TARGET_MISSING", metadata={"image": image})


def _drop(connection: sa.Connection, workspace: str, owner: str) -> None:
    table = schema.references
    connection.execute(table.delete().where(table.c.workspace == workspace, table.c.owner == owner))


def _check_owner(workspace: str, owner: str) -> None:
    prefix = re.escape(f"workspaces/{workspace}/")
    if len(owner) > OWNER_CHARACTERS or not re.fullmatch(rf"{prefix}[^\x00-\x1f\x7f]+", owner):
        message = f"owner must be the resource name of something in workspaces/{workspace}, not {owner[:100]!r}"
        raise InvalidArgument(message, field="owner")
