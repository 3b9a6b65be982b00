"""What the service does, without the wire: environments, builds, images."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from orris_images.adding import Adding
from orris_images.build.port import Builder
from orris_images.build_log import Key
from orris_images.building import Building
from orris_images.builds import Builds
from orris_images.environments import Environments
from orris_images.images import Images
from orris_images.interpreters import Pythons
from orris_images.references import References
from orris_images.removing import Removing
from orris_images.resolve.port import Resolver
from orris_images.uses import Uses


class Core:
    """The three subjects over one database, and the builders at work."""

    def __init__(
        self,
        engine: sa.Engine,
        pythons: Pythons,
        resolver: Resolver,
        builder: Builder,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        notify: Callable[[Key], None],
        workers: int,
        keep_unused: timedelta = timedelta(days=30),
    ) -> None:
        self.building = Building(engine, pythons, resolver, builder, clock, notify, workers)
        self.environments = Environments(engine, clock)
        self.images = Images(engine)
        self.adding = Adding(engine, pythons, resolver)
        self.builds = Builds(engine, self.building, builder, self.images, pythons, clock, new_id)
        self.references = References(engine)
        self.uses = Uses(engine, clock)
        self.keep_unused = keep_unused
        self.removing = Removing(engine, builder, self.images, self.building.alone, clock)
