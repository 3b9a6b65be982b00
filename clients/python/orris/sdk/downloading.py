"""Fetch the files of a tree: small ones in batches, large ones chunk by chunk, side by side; every byte is verified.

What is in the folder already, with the right content, is not fetched; what several files have in common, mostly once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.blobs import Blobs
from orris.sdk.content import PIECE_BYTES
from orris.sdk.entry_checks import check_files
from orris.sdk.growing_file import GrowingFile, Part
from orris.sdk.parallel import OnProgress, Progress, for_each
from orris.sdk.present import is_present
from orris.sdk.target_folder import TargetFolder, write_at

THREADS = 8
BATCH_BYTES = 3 * 1024 * 1024
# As many as a thread writes in a moment: so the threads share a thousand small files.
BATCH_ITEMS = 200


@dataclass(slots=True)
class _Content:
    """A content, and the files that are to have it: path -> permission bits."""

    entry: pb.TreeEntry
    modes: dict[str, int] = field(default_factory=dict)

    @property
    def is_small(self) -> bool:
        return self.entry.size <= PIECE_BYTES and len(self.entry.chunks) < 2


class Downloader:
    """Writes files whose blobs come from somewhere."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs

    def download(self, files: Mapping[str, pb.TreeEntry], into: Path, listener: OnProgress | None = None) -> None:
        """Write files into a folder, each at once, by the paths that they get there.

        Raises DataLoss (INVALID_PATH, INVALID_ENTRY, BLOB_DAMAGED), FailedPrecondition (PATH_IN_THE_WAY, DISK_FULL,
        CANNOT_WRITE).
        """
        check_files(files)
        total = sum(entry.size for entry in files.values())
        with TargetFolder(into) as folder, ThreadPoolExecutor(THREADS, thread_name_prefix="download") as pool:
            contents = _contents(_absent(pool, folder, files))
            to_come = sum(content.entry.size * len(content.modes) for content in contents)
            progress = Progress(total, listener, total - to_come)
            with ExitStack() as growing:
                jobs = [partial(self._write_small, batch, folder, progress) for batch in _batches(contents)]
                large = [GrowingFile(folder, each.modes, each.entry) for each in contents if not each.is_small]
                parts = [part for file in large for part in growing.enter_context(file).parts]
                self._blobs.expect([part.chunk for part in parts])
                jobs += [partial(self._write_part, part, progress) for part in parts]
                for_each(pool, lambda job: job(), jobs)

    def _write_small(self, batch: Sequence[_Content], folder: TargetFolder, progress: Progress) -> None:
        blobs = self._blobs.read_small(chunk for content in batch for chunk in content.entry.chunks)
        for content in batch:
            data = blobs[content.entry.digest] if content.entry.chunks else b""
            for path, mode in content.modes.items():
                with folder.file(path, mode) as descriptor:
                    write_at(descriptor, data, 0)
                progress.add(len(data))

    def _write_part(self, part: Part, progress: Progress) -> None:
        part.file.write(part, self._blobs)
        progress.add(part.size)


def _absent(pool: Executor, folder: TargetFolder, files: Mapping[str, pb.TreeEntry]) -> Mapping[str, pb.TreeEntry]:
    if folder.was_empty:
        return files
    present = for_each(pool, lambda file: is_present(folder, *file), files.items())
    return {path: entry for (path, entry), there in zip(files.items(), present, strict=True) if not there}


def _contents(files: Mapping[str, pb.TreeEntry]) -> Collection[_Content]:
    contents: dict[str, _Content] = {}
    for path, entry in files.items():
        contents.setdefault(entry.digest, _Content(entry)).modes[path] = entry.mode
    return contents.values()


def _batches(contents: Iterable[_Content]) -> Iterator[list[_Content]]:
    batch: list[_Content] = []
    size = 0
    for content in contents:
        if not content.is_small:
            continue
        if batch and (size + content.entry.size > BATCH_BYTES or len(batch) == BATCH_ITEMS):
            yield batch
            batch, size = [], 0
        batch.append(content)
        size += content.entry.size
    if batch:
        yield batch
