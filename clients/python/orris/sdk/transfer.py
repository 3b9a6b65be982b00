"""Files to and from the artifacts service.

transfer = Transfer(ArtifactServiceStub(channel), "lab")
tree = transfer.upload({"train.py": Path("train.py")})
transfer.download(tree.name, Path("copy"))
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.digests import digest_of_file
from orris.errors import DataLoss, InvalidArgument, NotFound
from orris.names import TreeName, WorkspaceName
from orris.sdk.content import BytesContent, FileContent
from orris.sdk.digest_cache import DigestCache
from orris.sdk.entry_checks import MAX_ENTRIES
from orris.sdk.parallel import OnProgress
from orris.sdk.recent_trees import RecentTrees
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.sending import CALL_SECONDS
from orris.sdk.uploading import Uploader

if TYPE_CHECKING:
    from orris.sdk.blobs import ServedBlobs


class Transfer:
    """Moves files of one workspace (its id). Blocking; may be used from several threads.

    Calls that fail because the service is out of reach are repeated for about 8 s. What the service raises is raised.
    """

    def __init__(
        self,
        stub: ArtifactServiceStub,
        workspace: str,
        *,
        sleep: Sleep = time.sleep,
        recent: RecentTrees | None = None,
    ) -> None:
        parent = str(WorkspaceName(workspace))
        self._stub = stub
        self._sleep = sleep
        self._uploader = Uploader(stub, parent, sleep, recent)

    def upload(
        self,
        files: Mapping[str, Path] | Mapping[str, FileContent],
        progress: OnProgress | None = None,
        *,
        cache: DigestCache | None = None,
        believing: bool = False,
    ) -> pb.Tree:
        """Store files, path in the tree -> file on this machine; only what the service does not have travels.

        `progress` is called with the bytes done and those to do. Files that `cache` knows are not even read. With
        `believing`, a tree that is one of `recent` is not asked for: whoever uses it may hear that it is not there.

        Raises NotFound, FailedPrecondition (FILE_CHANGES, FILE_UNREADABLE), InvalidArgument (INVALID_PATH),
        ResourceExhausted (STORE_FULL).
        """
        return self._uploader.upload(
            {name: _content(file) for name, file in files.items()}, progress, cache, believing=believing
        )

    def upload_bytes(self, files: Mapping[str, bytes]) -> pb.Tree:
        """Store files that are in memory, path in the tree -> content."""
        return self._uploader.upload({name: BytesContent(data) for name, data in files.items()})

    def compose(self, files: Mapping[str, pb.TreeEntry]) -> pb.Tree:
        """Create a tree of files that are stored already: path in the tree -> entry of any tree of the workspace."""
        return self._uploader.create([_renamed(entry, path) for path, entry in files.items()])

    def entries(self, tree: str, prefix: str = "") -> Iterator[pb.TreeEntry]:
        """Give the entries of a tree (its resource name): all, or the file `prefix`, or those below that folder.

        Raises NotFound (TREE_NOT_FOUND).
        """
        for page in self._pages(tree, prefix):
            yield from page.entries

    def download(
        self, tree: str, into: Path, path: str = "", *, strip: str = "", progress: OnProgress | None = None
    ) -> list[Path]:
        """Write the files of a tree, or its file or folder `path`, into a folder, which is made; return where they are.

        `strip` is a folder of the tree that is left out of the paths: with strip="outputs" the file `outputs/m.pkl`
        becomes `m.pkl`. Each file appears at once; one that was there is replaced. Nothing is written elsewhere.

        A file that is there already with the right content stays, so a download that broke off goes on when repeated.

        Raises NotFound (TREE_NOT_FOUND, FILE_NOT_FOUND), DataLoss (BLOB_DAMAGED, INVALID_PATH, INVALID_ENTRY),
        FailedPrecondition (PATH_IN_THE_WAY, DISK_FULL, CANNOT_WRITE).
        """
        from orris.sdk.downloading import Downloader
        from orris.sdk.signed_downloads import GROUP

        pages = list(self._pages(tree, path, downloads=GROUP))
        files = {_stripped(entry.path, strip.strip("/")): entry for page in pages for entry in page.entries}
        if path and not files:
            raise _no_such_file(tree, path)
        with self.blobs(tree) as blobs:
            blobs.give(pages[0].downloads)
            Downloader(blobs).download(files, into, progress)
        return [into / name for name in files]

    def read(self, tree: str, path: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return the content of a file, or `length` bytes of it from `offset` on; fewer where it ends before.

        Only the chunks that the range touches travel. Raises NotFound (TREE_NOT_FOUND, FILE_NOT_FOUND), OutOfRange
        (OFFSET_TOO_LARGE), DataLoss (BLOB_DAMAGED, INVALID_ENTRY).
        """
        from orris.sdk.reading import read_range

        entry = next(self.entries(tree, path), None)
        if entry is None or entry.path != path:
            raise _no_such_file(tree, path)
        with self.blobs(tree) as blobs:
            return read_range(blobs, entry, offset, length)

    def blobs(self, tree: str) -> ServedBlobs:
        """Return the blobs of the workspace of a tree, to be used in a `with` block."""
        from orris.sdk.blobs import ServedBlobs  # loads what speaks HTTP, which most uploads do not need

        return ServedBlobs(self._stub, TreeName.parse(tree, field="tree").workspace, self._sleep)

    def _pages(self, tree: str, prefix: str, downloads: int = 0) -> Iterator[rpc.ListTreeEntriesResponse]:
        """List entries; the first page also says how to read so many large blobs directly."""
        request = rpc.ListTreeEntriesRequest(parent=tree, path=prefix, download_count=downloads)
        count = 0
        while True:
            page = repeat(lambda: self._stub.ListTreeEntries(request, timeout=CALL_SECONDS), self._sleep)
            yield page
            if not page.next_page_token:
                return
            count += len(page.entries)
            if not page.entries or count >= MAX_ENTRIES:
                raise DataLoss(f"the server does not stop to list {tree}", reason="INVALID_LIST")
            request.page_token, request.download_count = page.next_page_token, 0


def _content(file: Path | FileContent) -> FileContent:
    return file if isinstance(file, FileContent) else FileContent(file)


def _renamed(entry: pb.TreeEntry, path: str) -> pb.TreeEntry:
    renamed = pb.TreeEntry()
    renamed.CopyFrom(entry)
    renamed.path = path
    # That of a file in a tree from before digests were composed is another one.
    renamed.digest = digest_of_file([chunk.digest for chunk in entry.chunks])
    return renamed


def _stripped(path: str, folder: str) -> str:
    if not folder:
        return path
    if not path.startswith(f"{folder}/"):
        raise InvalidArgument(f"{path} is not in the folder {folder!r}, which is to be left out", field="strip")
    return path[len(folder) + 1 :]


def _no_such_file(tree: str, path: str) -> NotFound:
    return NotFound(f"{tree} holds no file {path!r}", reason="FILE_NOT_FOUND", metadata={"path": path[:300]})
