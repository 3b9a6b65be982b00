"""A bucket as a store: the object `key` lies under `<prefix><key>`, in MinIO or whatever else speaks S3.

Correctness needs no more of it than that an object appears at once with all its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from orris.errors import FailedPrecondition, OrrisError, Unavailable
from orris_artifacts.digests import digest_of
from orris_artifacts.object_keys import made_at, new_id
from orris_artifacts.store.port import Bytes, Content, ObjectLost, SignedRequest, StoredObject
from orris_artifacts.store.s3 import questions
from orris_artifacts.store.s3.bucket import Bucket
from orris_artifacts.store.s3.failures import may_be_of_one_object
from orris_artifacts.store.s3.presigning import Presigner
from orris_artifacts.store.s3.putting import put_pieces
from orris_artifacts.store.spool import HashingSpool, Spool

# Where it is tried at the start what the storage can do.
PROBES = ".probe/"
_WITNESS = b"orris asks: can others be read"
_ABANDONED = timedelta(hours=1)


def _now() -> datetime:
    return datetime.now(UTC)


class S3Store:
    """Keeps objects in a bucket; without a presigner, all bytes come this way."""

    def __init__(self, bucket: Bucket, presigner: Presigner | None, *, clock: Callable[[], datetime] = _now) -> None:
        self._bucket = bucket
        self._clock = clock
        self._prefix = bucket.options.prefix
        self._presigner = presigner

    @property
    def place(self) -> str:
        """The bucket and where it is."""
        return self._bucket.options.place

    def put(self, key: str, data: Bytes) -> None:
        """Store an object, durable on return. Raises ResourceExhausted (STORE_FULL), and as all methods."""
        put_pieces(self._bucket, self._prefix + key, [data], len(data), digest_of([data]))

    @contextmanager
    def writer(self, key: str) -> Iterator[SpooledWriter]:
        """Begin an object that comes in pieces: they are kept in a spool until it is complete."""
        with closing(Spool(self._bucket.options.spool)) as spool:
            yield SpooledWriter(spool, partial(put_pieces, self._bucket, self._prefix + key, spool))

    def read(self, key: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return an object's bytes, or the `size` bytes from `offset` on. Raises ObjectLost."""
        if size == 0:  # a range has at least one byte
            if self.size(key) is None:
                raise ObjectLost(f"{self.place} has no {key}")
            return b""
        pieces: list[bytes] = []
        self._read(key, offset, size or 0, pieces)
        data = b"".join(pieces)
        self._check_size(key, len(data), size)
        return data

    def open(self, key: str, offset: int, size: int) -> Content:
        """Return the `size` bytes from `offset` on as content, in a spool. Raises ObjectLost."""
        with ExitStack() as stack:
            spool = stack.enter_context(closing(HashingSpool(self._bucket.options.spool)))
            self._read(key, offset, size, spool)
            self._check_size(key, spool.size, size)
            stack.pop_all()
        return spool

    def _check_size(self, key: str, found: int, size: int | None) -> None:
        if size is not None and found < size:
            raise ObjectLost(f"{key} ends {size - found} bytes too early in {self.place}")

    def _read(self, key: str, offset: int, size: int, into: questions.Pieces) -> None:
        was_away = self._bucket.is_away
        try:
            self._bucket.ask(questions.read, self._prefix + key, offset, size, into)
        except Unavailable as error:
            if was_away or not may_be_of_one_object(error.__cause__) or not self._gives_others(key):
                raise
            raise ObjectLost(f"{self.place} gives other objects, but not {key}: {error.message}") from error

    def _gives_others(self, key: str) -> bool:
        """Tell whether an object that cannot be read is there, while another one can be written and read."""
        other = PROBES + new_id(self._clock())
        try:
            if self.size(key) is None:
                return False
            self.put(other, _WITNESS)
            given: list[bytes] = []
            self._bucket.ask(questions.read, self._prefix + other, 0, 0, given)
            self.delete([other])
        except (ObjectLost, OrrisError):
            return False
        return b"".join(given) == _WITNESS

    def size(self, key: str) -> int | None:
        """Return an object's size in bytes, None when there is none."""
        try:
            return self._bucket.ask(questions.size, self._prefix + key)
        except (ObjectLost, FailedPrecondition) as error:
            self._bucket.check()  # an answer to HEAD has no words: is it the object that is missing, or the bucket?
            if isinstance(error, ObjectLost):
                return None
            raise

    def delete(self, keys: Iterable[str]) -> None:
        """Remove those of the objects that are there."""
        wanted = iter(keys)
        while some := [self._prefix + key for key in islice(wanted, questions.AT_ONCE)]:
            self._bucket.ask(questions.delete, some)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Give the objects whose keys begin with `prefix`, which ends in `/` or is empty."""
        last: str | None = None
        while True:
            page = self._bucket.ask(questions.page, self._prefix + prefix, last)
            for name, size in page:
                if not name.endswith("/"):  # a folder, to those who have such a thing
                    yield StoredObject(name.removeprefix(self._prefix), size)
            if len(page) < questions.AT_ONCE:
                return
            last = page[-1][0]

    def folders(self) -> Iterable[str]:
        """Return what stands before the first `/` of keys."""
        names = self._bucket.ask(questions.folders, self._prefix)
        return [name.removeprefix(self._prefix).rstrip("/") for name in names]

    def tidy(self) -> None:
        """Remove what an interrupted start left: nothing else is ever half there, as a PUT is all or nothing."""
        before = self._clock() - _ABANDONED
        self.delete(each.key for each in self.list(PROBES) if (made := made_at(each.key)) and made < before)

    def presign_put(self, key: str, digest: str, size: int) -> SignedRequest | None:
        """Return how to write an object past this service; None where the storage does not refuse other bytes."""
        return self._presigner.put(key, digest, size) if self._presigner else None

    def presign_get(self, key: str) -> SignedRequest | None:
        """Return how to read an object past this service; None where clients are not to."""
        return self._presigner.get(key) if self._presigner else None

    def close(self) -> None:
        """Close the connections."""
        self._bucket.connections.clear()


class SpooledWriter:
    """Keeps an object's pieces until all are there, then stores them with `put`."""

    def __init__(self, spool: Spool, put: Callable[[int, str], None]) -> None:
        self._spool = spool
        self._put = put

    def write(self, data: Bytes) -> None:
        """Take the next bytes. Raises ResourceExhausted (STORE_FULL) when the spool's disk is full."""
        self._spool.append(data)

    def commit(self, digest: str | None = None) -> None:
        """Store the object. Raises as `S3Store.put`."""
        self._put(self._spool.size, digest or digest_of(self._spool))
