"""What can be read of this service from outside: builds and images."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from orris_images.records import State
from orris_images.schema import builds, images
from orris_kit.database import read
from orris_kit.metrics import Family

_BUILDS = sa.select(builds.c.state, sa.func.count()).group_by(builds.c.state)
_IMAGES = sa.select(sa.func.count()).select_from(images).where(images.c.collect_time.is_(None))


def numbers_of(engine: sa.Engine) -> Iterator[Family]:
    """Give what is to be told of the builds now."""
    with read(engine) as connection:
        found = {int(state): count for state, count in connection.execute(_BUILDS)}
        kept = connection.scalar(_IMAGES) or 0
    states = {(state.name.lower(),): float(found.get(int(state.value), 0)) for state in State}
    yield Family("orris_builds", "Builds by state.", ("state",), states)
    yield Family("orris_images", "Images that are kept ready.", (), {(): float(kept)})
