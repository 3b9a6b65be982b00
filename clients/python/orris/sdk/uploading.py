"""Send what a server does not have yet: small blobs in batches, large ones by themselves, side by side."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import FailedPrecondition
from orris.sdk.content import PIECE_BYTES, Content, entry_of
from orris.sdk.parallel import OnProgress, Progress, for_each
from orris.sdk.repeating import Sleep, repeat

T = TypeVar("T")

# A blob in memory for each: 16 MiB at most.
THREADS = 4
BATCH_BYTES = 3 * 1024 * 1024
BATCH_ITEMS = 1000
DIGESTS_PER_CALL = 10_000
ENTRIES_BYTES = 1024 * 1024
# How often files are read again because they changed between hashing and sending.
ATTEMPTS = 3

CALL_SECONDS = 60.0
BLOB_SECONDS = 300.0
TREE_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Where the bytes of a blob are."""

    digest: str
    size: int
    path: str
    content: Content
    offset: int

    def data(self) -> bytes | None:
        """Return the bytes; None when they are others meanwhile."""
        data = self.content.read(self.offset, self.size)
        return data if hashlib.sha256(data).hexdigest() == self.digest else None


class Uploader:
    """Uploads to one workspace."""

    def __init__(self, stub: ArtifactServiceStub, parent: str, sleep: Sleep = time.sleep) -> None:
        self._stub = stub
        self._parent = parent
        self._sleep = sleep

    def upload(self, files: Mapping[str, Content], listener: OnProgress | None = None) -> pb.Tree:
        """Store files by their paths; return their tree. Raises FailedPrecondition (FILE_CHANGES)."""
        entries: dict[str, pb.TreeEntry] = {}
        changed: Collection[str] = files.keys()
        with ThreadPoolExecutor(THREADS, thread_name_prefix="upload") as pool:
            for _ in range(ATTEMPTS):
                hashed = for_each(pool, lambda path: entry_of(path, files[path]), changed)
                entries.update((entry.path, entry) for entry in hashed)
                changed = self._send_missing(pool, files, entries, listener)
                if not changed:
                    return self.create(entries.values())
        message = f"{sorted(changed)[0]} changes while it is being read; upload it when its writer has finished"
        raise FailedPrecondition(message, reason="FILE_CHANGES")

    def create(self, entries: Iterable[pb.TreeEntry]) -> pb.Tree:
        """Create a tree of entries whose blobs are stored."""
        messages = list(_tree_messages(self._parent, entries))
        response = repeat(lambda: self._stub.CreateTree(iter(messages), timeout=TREE_SECONDS), self._sleep)
        return response.tree

    def _send_missing(
        self,
        pool: Executor,
        files: Mapping[str, Content],
        entries: Mapping[str, pb.TreeEntry],
        listener: OnProgress | None,
    ) -> set[str]:
        """Send the blobs that the server misses; return the paths of files that have changed."""
        pieces = {piece.digest: piece for piece in _pieces(files, entries)}
        missing = [pieces[digest] for digest in self._missing(pieces)]
        total = sum(entry.size for entry in entries.values())
        progress = Progress(total, listener, total - sum(piece.size for piece in missing))
        small = [piece for piece in missing if piece.size <= PIECE_BYTES]
        large = [[piece] for piece in missing if piece.size > PIECE_BYTES]
        sent = for_each(pool, lambda batch: self._send(batch, progress), [*large, *_batches(small)])
        return set().union(*sent)

    def _missing(self, digests: Iterable[str]) -> list[str]:
        missing: list[str] = []
        for some in _groups(digests, DIGESTS_PER_CALL):
            request = rpc.FindMissingBlobsRequest(parent=self._parent, digests=some)
            found = repeat(lambda: self._stub.FindMissingBlobs(request, timeout=CALL_SECONDS), self._sleep)  # noqa: B023
            missing += found.missing_digests
        return missing

    def _send(self, batch: list[Piece], progress: Progress) -> set[str]:
        """Send one large piece or several small ones; return the paths of those that have changed."""
        read = [(piece, piece.data()) for piece in batch]
        good = [(piece, data) for piece, data in read if data is not None]
        if len(batch) == 1 and batch[0].size > PIECE_BYTES:
            for piece, data in good:
                repeat(lambda: self._stub.UploadBlob(self._stream(piece, data), timeout=BLOB_SECONDS), self._sleep)  # noqa: B023
        elif good:
            request = rpc.BatchUploadBlobsRequest(parent=self._parent)
            for piece, data in good:
                request.items.add(digest=piece.digest, data=data)
            repeat(lambda: self._stub.BatchUploadBlobs(request, timeout=CALL_SECONDS), self._sleep)
        progress.add(sum(piece.size for piece, _ in good))
        return {piece.path for piece, data in read if data is None}

    def _stream(self, piece: Piece, data: bytes) -> Iterator[rpc.UploadBlobRequest]:
        yield rpc.UploadBlobRequest(parent=self._parent, digest=piece.digest, size=piece.size)
        for begin in range(0, len(data), PIECE_BYTES):
            yield rpc.UploadBlobRequest(data=data[begin : begin + PIECE_BYTES])


def _pieces(files: Mapping[str, Content], entries: Mapping[str, pb.TreeEntry]) -> Iterator[Piece]:
    for path, entry in entries.items():
        offset = 0
        for chunk in entry.chunks:
            yield Piece(chunk.digest, chunk.size, path, files[path], offset)
            offset += chunk.size


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        if batch and (size + piece.size > BATCH_BYTES or len(batch) == BATCH_ITEMS):
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += piece.size
    if batch:
        yield batch


def _tree_messages(parent: str, entries: Iterable[pb.TreeEntry]) -> Iterator[rpc.CreateTreeRequest]:
    message = rpc.CreateTreeRequest(parent=parent)
    room = ENTRIES_BYTES
    for entry in entries:
        size = entry.ByteSize()
        if message.entries and size > room:
            yield message
            message, room = rpc.CreateTreeRequest(), ENTRIES_BYTES
        message.entries.append(entry)
        room -= size
    yield message


def _groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while group := list(islice(iterator, size)):
        yield group
