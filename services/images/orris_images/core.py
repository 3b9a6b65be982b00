"""What the service does, without the wire: environments, builds, images."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from orris_images.build.port import Builder
from orris_images.build_log import Key
from orris_images.building import Building
from orris_images.builds import Builds
from orris_images.environments import Environments
from orris_images.images import Images
from orris_images.interpreters import Interpreters
from orris_images.resolve.port import Resolver


class Core:
    """The three subjects over one database, and the builders at work."""

    def __init__(
        self,
        engine: sa.Engine,
        interpreters: Interpreters,
        resolver: Resolver,
        builder: Builder,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        notify: Callable[[Key], None],
        workers: int,
    ) -> None:
        self.building = Building(engine, interpreters, resolver, builder, clock, notify, workers)
        self.environments = Environments(engine, clock)
        self.builds = Builds(engine, self.building, builder, interpreters, clock, new_id)
        self.images = Images(engine)
