"""A blob that arrives in pieces: nothing of it is kept that is not what its digest names."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack

from orris.errors import InvalidArgument
from orris_artifacts.digests import wrong_bytes
from orris_artifacts.store.port import Bytes, Store


class Incoming:
    """Takes exactly `size` bytes; `close` it in any case. Without a key they are checked only."""

    def __init__(self, store: Store, key: str | None, digest: str, size: int, done: Callable[[], None]) -> None:
        self._stack = ExitStack()
        self._writer = self._stack.enter_context(store.writer(key)) if key else None
        self._digest = digest
        self._left = self._size = size
        self._done = done
        self._found = hashlib.sha256()

    def write(self, data: Bytes) -> None:
        """Take the next bytes. Raises InvalidArgument (SIZE_MISMATCH) when there are too many."""
        self._left -= len(data)
        if self._left < 0:
            raise self._wrong_size("more")
        self._found.update(data)
        if self._writer:
            self._writer.write(data)

    def commit(self) -> None:
        """Let the blob exist. Raises InvalidArgument (SIZE_MISMATCH, DIGEST_MISMATCH)."""
        if self._left:
            raise self._wrong_size(str(self._size - self._left))
        if self._found.hexdigest() != self._digest:
            raise wrong_bytes(self._digest, self._found.hexdigest())
        if self._writer:
            self._writer.commit()
            self._done()

    def close(self) -> None:
        """Forget what was not committed."""
        self._stack.close()

    def _wrong_size(self, found: str) -> InvalidArgument:
        message = f"{self._size} bytes were announced, {found} came; send exactly as many as `size` says"
        return InvalidArgument(message, field="size", reason="SIZE_MISMATCH")
