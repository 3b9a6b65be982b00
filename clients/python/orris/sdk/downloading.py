"""Fetch the files of a tree: small ones in batches, large ones chunk by chunk, side by side; every byte is verified."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import DataLoss
from orris.names import BlobName
from orris.sdk.content import PIECE_BYTES
from orris.sdk.parallel import OnProgress, Progress, for_each
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.target_folder import TargetFolder, write_at
from orris.sdk.uploading import BATCH_BYTES, BATCH_ITEMS, BLOB_SECONDS, CALL_SECONDS, THREADS


@dataclass(frozen=True, slots=True)
class _Part:
    """A chunk of a file being written, and where it goes."""

    chunk: pb.Chunk
    descriptor: int
    offset: int


class Downloader:
    """Downloads from one workspace."""

    def __init__(self, stub: ArtifactServiceStub, workspace: str, sleep: Sleep = time.sleep) -> None:
        self._stub = stub
        self._workspace = workspace
        self._sleep = sleep

    def download(self, files: Mapping[str, pb.TreeEntry], into: Path, listener: OnProgress | None = None) -> None:
        """Write files into a folder, each at once, by the paths that they get there."""
        progress = Progress(sum(entry.size for entry in files.values()), listener)
        small = {path: entry for path, entry in files.items() if entry.size <= PIECE_BYTES and len(entry.chunks) < 2}
        with TargetFolder(into) as folder, ThreadPoolExecutor(THREADS, thread_name_prefix="download") as pool:
            for_each(pool, lambda batch: self._write_small(batch, folder, progress), _batches(small))
            large = [(path, entry) for path, entry in files.items() if path not in small]
            single = [file for file in large if len(file[1].chunks) == 1]
            for_each(pool, lambda file: self._write_chunk(*file, folder, progress), single)
            for path, entry in large:
                if len(entry.chunks) > 1:
                    self._write_chunks(path, entry, folder, pool, progress)

    def read(self, entry: pb.TreeEntry) -> bytes:
        """Return the bytes of a file."""
        return b"".join(b"".join(self._pieces(chunk)) for chunk in entry.chunks)

    def _write_small(self, files: Mapping[str, pb.TreeEntry], folder: TargetFolder, progress: Progress) -> None:
        chunks = {chunk.digest: chunk for entry in files.values() for chunk in entry.chunks}
        blobs = self._read_batch(chunks)
        for path, entry in files.items():
            with folder.file(path, entry.mode) as descriptor:
                for chunk in entry.chunks:
                    write_at(descriptor, blobs[chunk.digest], 0)
            progress.add(entry.size)

    def _write_chunk(self, path: str, entry: pb.TreeEntry, folder: TargetFolder, progress: Progress) -> None:
        with folder.file(path, entry.mode) as descriptor:
            self._write_part(_Part(entry.chunks[0], descriptor, 0), progress)

    def _write_chunks(
        self, path: str, entry: pb.TreeEntry, folder: TargetFolder, pool: Executor, progress: Progress
    ) -> None:
        """Write a file whose chunks come side by side."""
        with folder.file(path, entry.mode) as descriptor:
            parts = _parts(entry, descriptor)
            for_each(pool, lambda part: self._write_part(part, progress), parts)

    def _write_part(self, part: _Part, progress: Progress) -> None:
        repeat(lambda: self._write_pieces(part), self._sleep)
        progress.add(part.chunk.size)

    def _write_pieces(self, part: _Part) -> None:
        offset = part.offset
        for piece in self._stream(part.chunk):
            write_at(part.descriptor, piece, offset)
            offset += len(piece)

    def _pieces(self, chunk: pb.Chunk) -> list[bytes]:
        return repeat(lambda: list(self._stream(chunk)), self._sleep)

    def _stream(self, chunk: pb.Chunk) -> Iterator[bytes]:
        """Give the bytes of a chunk. Raises DataLoss at the end of wrong ones, and as soon as there are too many."""
        name = str(BlobName(self._workspace, chunk.digest))
        digest, left = hashlib.sha256(), chunk.size
        for response in self._stub.DownloadBlob(rpc.DownloadBlobRequest(name=name), timeout=BLOB_SECONDS):
            digest.update(response.data)
            left -= len(response.data)
            if left < 0:
                break
            yield response.data
        if left or digest.hexdigest() != chunk.digest:
            raise _wrong_bytes(chunk.digest)

    def _read_batch(self, chunks: Mapping[str, pb.Chunk]) -> dict[str, bytes]:
        if not chunks:
            return {}
        request = rpc.BatchReadBlobsRequest(parent=f"workspaces/{self._workspace}", digests=chunks)
        response = repeat(lambda: self._stub.BatchReadBlobs(request, timeout=CALL_SECONDS), self._sleep)
        blobs = dict(zip(chunks, response.data, strict=False))
        for digest in chunks:
            if hashlib.sha256(blobs.get(digest, b"")).hexdigest() != digest:
                raise _wrong_bytes(digest)
        return blobs


def _parts(entry: pb.TreeEntry, descriptor: int) -> Iterator[_Part]:
    offset = 0
    for chunk in entry.chunks:
        yield _Part(chunk, descriptor, offset)
        offset += chunk.size


def _batches(files: Mapping[str, pb.TreeEntry]) -> Iterable[Mapping[str, pb.TreeEntry]]:
    batch: dict[str, pb.TreeEntry] = {}
    size = 0
    for path, entry in files.items():
        if batch and (size + entry.size > BATCH_BYTES or len(batch) == BATCH_ITEMS):
            yield batch
            batch, size = {}, 0
        batch[path] = entry
        size += entry.size
    if batch:
        yield batch


def _wrong_bytes(digest: str) -> DataLoss:
    message = f"blob {digest} arrived damaged; download again, and if that does not help, upload the file again"
    return DataLoss(message, reason="BLOB_DAMAGED", metadata={"digest": digest})
