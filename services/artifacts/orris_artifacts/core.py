"""What the service does, without the wire: blobs, trees, references."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from orris_artifacts.blobs import Blobs
from orris_artifacts.references import References
from orris_artifacts.store.port import Store
from orris_artifacts.trees import Trees


class Artifacts:
    """The three subjects over one store and one database."""

    def __init__(self, engine: sa.Engine, store: Store, clock: Callable[[], datetime]) -> None:
        self.blobs = Blobs(store)
        self.trees = Trees(engine, store, clock)
        self.references = References(engine, store, self.trees)
