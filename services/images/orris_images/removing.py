"""Removing what images are made of: when somebody says so, or when nobody needs them and nobody has used them for long.

Of an image that was removed the lock is left: whoever needs it has it made again. So nothing is lost where one is
removed as somebody begins to use it. What must not happen is that one vanishes below a run: who has runs under way
asks for their images once an hour.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta

import sqlalchemy as sa

from orris.errors import Cancelled, FailedPrecondition, InvalidArgument
from orris_images import schema
from orris_images.build.port import Builder
from orris_images.images import Images, is_image
from orris_images.prebuilt import prebuilt
from orris_images.records import Image
from orris_kit.database import read, write

LEAST_UNUSED = timedelta(hours=2)

# Gives what only one at a time may do for a name; waits until the event is set, then raises Cancelled.
Alone = Callable[[str, threading.Event], AbstractContextManager[None]]


class Removing:
    """Removes images in a database, and what a builder made of them."""

    def __init__(
        self, engine: sa.Engine, builder: Builder, images: Images, alone: Alone, clock: Callable[[], datetime]
    ) -> None:
        self._engine, self._builder, self._images = engine, builder, images
        self._alone, self._clock = alone, clock

    def delete(self, workspace: str, image: str) -> None:
        """Delete what an image is made of. Its lock stays, from which it is made again.

        Raises NotFound (IMAGE_NOT_FOUND), FailedPrecondition (IMAGE_IN_USE, IMAGE_BUILDING), Unavailable when the
        engine or the registry does not answer: nothing is deleted then.
        """
        with self._unless_building(image):
            found = self._images.get(workspace, image)
            _check_unused(found.owners)
            self._remove(found)

    def collect(self, workspace: str, unused: timedelta, *, dry_run: bool = False) -> list[Image]:
        """Collect what nobody refers to and nobody has used for a time, but for what is made beforehand; return it.

        Raises InvalidArgument (UNUSED_TOO_SHORT), Unavailable when the engine or the registry does not answer.
        """
        if unused < LEAST_UNUSED:
            message = "unused: images that runs use are asked for once an hour; give 2 hours at least"
            raise InvalidArgument(message, field="unused", reason="UNUSED_TOO_SHORT")
        before = self._clock() - unused
        return [each for each in self._unused(workspace, before) if dry_run or self._collected(each, before)]

    def workspaces(self) -> list[str]:
        """Return the workspaces that have images."""
        with read(self._engine) as connection:
            return list(connection.execute(sa.select(schema.images.c.workspace).distinct()).scalars())

    def _unused(self, workspace: str, before: datetime) -> list[Image]:
        query = sa.select(schema.images.c.image).where(schema.images.c.workspace == workspace, *_unused_since(before))
        with read(self._engine) as connection:
            ids = list(connection.execute(query.order_by(schema.images.c.use_time)).scalars())
            kept = prebuilt(connection, workspace, ids)
        found = (self._images.get(workspace, image) for image in ids if image not in kept)
        return [each for each in found if not each.looked_after]

    def _collected(self, image: Image, before: datetime) -> bool:
        """Collect an image unless it is used again by now; return whether it was."""
        still = sa.select(schema.images.c.image).where(*is_image(image.workspace, image.image), *_unused_since(before))
        try:
            with self._unless_building(image.image):
                with read(self._engine) as connection:
                    if connection.execute(still).first() is None:
                        return False
                self._remove(image)
        except FailedPrecondition:
            return False
        return True

    def _remove(self, image: Image) -> None:
        """Remove what an image is made of, unless another workspace has the same."""
        table = schema.images.c
        others = sa.select(table.image).where(table.image == image.image, table.workspace != image.workspace)
        with read(self._engine) as connection:
            shared = connection.execute(others.where(table.collect_time.is_(None)).limit(1)).first() is not None
        if not shared and not image.looked_after:
            self._builder.delete(image.image, image.reference)
        with write(self._engine) as connection:
            mine = is_image(image.workspace, image.image)
            connection.execute(schema.images.update().where(*mine).values(collect_time=self._clock()))

    @contextmanager
    def _unless_building(self, image: str) -> Iterator[None]:
        at_once = threading.Event()
        at_once.set()
        try:
            with self._alone(f"image/{image}", at_once):
                yield
        except Cancelled:
            message = f"image {image} is being made; wait for the build, or cancel it"
            raise FailedPrecondition(message, reason="IMAGE_BUILDING") from None


def _unused_since(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    images, references = schema.images.c, schema.references.c
    needed = sa.exists().where(references.workspace == images.workspace, references.image == images.image)
    return images.collect_time.is_(None), images.use_time < before, ~needed


def _check_unused(owners: Sequence[str]) -> None:
    if owners:
        more = f" and {len(owners) - 3} more" if len(owners) > 3 else ""
        message = f"{', '.join(owners[:3])}{more} refers to this image; delete that first"
        raise FailedPrecondition(message, reason="IMAGE_IN_USE")
