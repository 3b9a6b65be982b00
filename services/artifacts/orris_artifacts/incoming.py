"""A blob that arrives in pieces: nothing of it is kept that is not what its digest names."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from contextlib import ExitStack

from orris.errors import InvalidArgument
from orris_artifacts.digests import wrong_bytes
from orris_artifacts.store.port import Bytes, Store, Writer


class Incoming:
    """Takes exactly `size` bytes; `close` it in any case. Without a key they are checked only.

    Whoever leaves closes it while a piece may still be on its way to the store, in another thread: that piece comes
    first, and nothing is taken any more. Before the first piece, nothing is open.
    """

    def __init__(self, store: Store, key: str | None, digest: str, size: int, done: Callable[[], None]) -> None:
        self._store = store
        self._key = key
        self._digest = digest
        self._left = self._size = size
        self._done = done
        self._found = hashlib.sha256()
        self._stack = ExitStack()
        self._writer: Writer | None = None
        self._closed = False
        self._at_work = threading.Lock()

    def write(self, data: Bytes) -> None:
        """Take the next bytes. Raises InvalidArgument (SIZE_MISMATCH) when there are too many."""
        with self._at_work:
            if self._closed:
                return
            self._left -= len(data)
            if self._left < 0:
                raise self._wrong_size("more")
            self._found.update(data)
            if writer := self._opened():
                writer.write(data)

    def commit(self) -> None:
        """Let the blob exist. Raises InvalidArgument (SIZE_MISMATCH, DIGEST_MISMATCH)."""
        with self._at_work:
            if self._closed:
                return
            if self._left:
                raise self._wrong_size(str(self._size - self._left))
            if self._found.hexdigest() != self._digest:
                raise wrong_bytes(self._digest, self._found.hexdigest())
            if writer := self._opened():
                writer.commit(self._digest)
                self._done()

    def close(self) -> None:
        """Forget what was not committed."""
        with self._at_work:
            self._closed = True
            self._stack.close()

    def _opened(self) -> Writer | None:
        if self._key is not None and self._writer is None:
            self._writer = self._stack.enter_context(self._store.writer(self._key))
        return self._writer

    def _wrong_size(self, found: str) -> InvalidArgument:
        message = f"{self._size} bytes were announced, {found} came; send exactly as many as `size` says"
        return InvalidArgument(message, field="size", reason="SIZE_MISMATCH")
