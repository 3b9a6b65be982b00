"""What a store is asked, through a proxy and past it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from orris_artifacts.store.port import StoredObject
from orris_artifacts.store.s3.options import Patience
from orris_artifacts.store.s3.store import S3Store
from tests.servers.buckets import options_of, untried
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import Proxy

# More than is kept in memory on its way.
DATA = bytes(range(256)) * 4096 + b"end"
HERE, NEW = "lab/aa/here", "lab/aa/new"

Ask = Callable[[S3Store], object]


def _send(store: S3Store) -> None:
    with store.writer(NEW) as writer:
        writer.write(DATA[:1000])
        writer.write(DATA[1000:])
        writer.commit()


def _open(store: S3Store) -> bytes:
    with closing(store.open(HERE, 0, len(DATA))) as content:
        assert content.digest == hashlib.sha256(DATA).hexdigest()
        return b"".join(content.pieces())


ASK: dict[str, Ask] = {
    "put": lambda store: store.put(NEW, DATA),
    "send": _send,
    "read": lambda store: store.read(HERE),
    "open": _open,
    "range": lambda store: store.read(HERE, 1000, 5000),
    "size": lambda store: store.size(HERE),
    "list": lambda store: list(store.list("lab/")),
    "folders": lambda store: list(store.folders()),
    "delete": lambda store: store.delete([HERE]),
}


class Case:
    """A store whose requests go through a proxy, and the same one without."""

    def __init__(self, between: Proxy, storage: ObjectStorage) -> None:
        self.proxy = between
        self.options = options_of(storage, endpoint=f"http://127.0.0.1:{between.port}")
        self.store = untried(self.options)
        self.direct = untried(replace(self.options, endpoint=storage.endpoint))
        self.direct.put(HERE, DATA)

    def be(self, patience: Patience) -> None:
        """Let the store have other time limits than the usual ones."""
        self.store.close()
        self.store = untried(replace(self.options, patience=patience))

    def check(self, name: str, answer: object) -> None:
        """Check that what was asked was done, and nothing else."""
        expected = {
            "read": DATA,
            "open": DATA,
            "range": DATA[1000:6000],
            "size": len(DATA),
            "list": [StoredObject(HERE, len(DATA))],
            "folders": ["lab"],
        }
        assert answer == expected.get(name)
        there = {HERE} if name != "delete" else set()
        there |= {NEW} if name in ("put", "send") else set()
        assert {each.key for each in self.direct.list("lab/")} == there
        assert all(self.direct.read(key) == DATA for key in there)

    def check_untouched(self) -> None:
        """Check that nothing was done."""
        assert list(self.direct.list("")) == [StoredObject(HERE, len(DATA))]
        assert self.direct.read(HERE) == DATA
