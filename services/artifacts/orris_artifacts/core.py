"""What the service does, without the wire: blobs, direct transfers, trees, references, data, garbage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from orris_artifacts.blobs import Blobs
from orris_artifacts.datasets import Datasets
from orris_artifacts.datastores import Datastores
from orris_artifacts.direct import DirectTransfers
from orris_artifacts.garbage import GarbageCollector
from orris_artifacts.index import Index
from orris_artifacts.keeping import Keeping
from orris_artifacts.references import References
from orris_artifacts.repacking import Repacking
from orris_artifacts.storage_report import StorageReport
from orris_artifacts.store.port import Store
from orris_artifacts.trees import Trees
from orris_kit.database import Together


class Artifacts:
    """The subjects over one store and one database."""

    def __init__(self, engine: sa.Engine, store: Store, clock: Callable[[], datetime]) -> None:
        index = Index(engine, clock)
        self.blobs = Blobs(store, index, clock)
        self.direct = DirectTransfers(store, index, clock)
        self.trees = Trees(engine, index, clock)
        together = Together(engine)
        self.references = References(engine, index, self.trees, together)
        self.keeping = Keeping(together, self.blobs, index, self.trees, self.references)
        self.datastores = Datastores(engine, self.references, clock)
        self.datasets = Datasets(engine, self.references, clock)
        self.garbage = GarbageCollector(engine, store, Repacking(engine, store, self.blobs, clock), clock)
        self.storage = StorageReport(engine)

    def close(self) -> None:
        """End the threads."""
        self.blobs.close()
        self.direct.close()
