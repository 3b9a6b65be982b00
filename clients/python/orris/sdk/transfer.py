"""Files to and from the artifacts service.

transfer = Transfer(ArtifactServiceStub(channel), "lab")
tree = transfer.upload({"train.py": Path("train.py")})
transfer.download(tree.name, Path("copy"))
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import InvalidArgument, NotFound
from orris.names import TreeName, WorkspaceName
from orris.sdk.content import BytesContent, FileContent
from orris.sdk.downloading import Downloader
from orris.sdk.parallel import OnProgress
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.uploading import CALL_SECONDS, Uploader


class Transfer:
    """Moves files of one workspace (its id). Blocking; may be used from several threads.

    Calls that fail because the service is out of reach are repeated for about 8 s. What the service raises is raised.
    """

    def __init__(self, stub: ArtifactServiceStub, workspace: str, *, sleep: Sleep = time.sleep) -> None:
        parent = str(WorkspaceName(workspace))
        self._stub = stub
        self._sleep = sleep
        self._uploader = Uploader(stub, parent, sleep)

    def upload(self, files: Mapping[str, Path], progress: OnProgress | None = None) -> pb.Tree:
        """Store files, path in the tree -> file on this machine; only what the service does not have travels.

        `progress` is called with the bytes done and those to do. Raises FailedPrecondition (FILE_CHANGES),
        InvalidArgument (INVALID_PATH), ResourceExhausted (STORE_FULL).
        """
        return self._uploader.upload({name: FileContent(path) for name, path in files.items()}, progress)

    def upload_bytes(self, files: Mapping[str, bytes]) -> pb.Tree:
        """Store files that are in memory, path in the tree -> content."""
        return self._uploader.upload({name: BytesContent(data) for name, data in files.items()})

    def compose(self, files: Mapping[str, pb.TreeEntry]) -> pb.Tree:
        """Create a tree of files that are stored already: path in the tree -> entry of any tree of the workspace."""
        return self._uploader.create(_renamed(entry, path) for path, entry in files.items())

    def entries(self, tree: str, prefix: str = "") -> Iterator[pb.TreeEntry]:
        """Give the entries of a tree (its resource name): all, or the file `prefix`, or those below that folder.

        Raises NotFound (TREE_NOT_FOUND).
        """
        request = rpc.ListTreeEntriesRequest(parent=tree, path=prefix)
        while True:
            response = repeat(lambda: self._stub.ListTreeEntries(request, timeout=CALL_SECONDS), self._sleep)
            yield from response.entries
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def download(
        self, tree: str, into: Path, path: str = "", *, strip: str = "", progress: OnProgress | None = None
    ) -> list[Path]:
        """Write the files of a tree, or its file or folder `path`, into a folder, which is made; return where they are.

        `strip` is a folder of the tree that is left out of the paths: with strip="outputs" the file `outputs/m.pkl`
        becomes `m.pkl`. Each file appears at once; one that was there is replaced. Nothing is written elsewhere.

        Raises NotFound (TREE_NOT_FOUND, FILE_NOT_FOUND), DataLoss (BLOB_DAMAGED), FailedPrecondition (PATH_IN_THE_WAY).
        """
        files = {_stripped(entry.path, strip.strip("/")): entry for entry in self.entries(tree, path)}
        if path and not files:
            raise _no_such_file(tree, path)
        self._downloader_of(tree).download(files, into, progress)
        return [into / name for name in files]

    def read(self, tree: str, path: str) -> bytes:
        """Return the content of a file. Raises NotFound (TREE_NOT_FOUND, FILE_NOT_FOUND), DataLoss (BLOB_DAMAGED)."""
        entry = next(self.entries(tree, path), None)
        if entry is None or entry.path != path:
            raise _no_such_file(tree, path)
        return self._downloader_of(tree).read(entry)

    def _downloader_of(self, tree: str) -> Downloader:
        """Blobs are found in the workspace of their tree."""
        return Downloader(self._stub, TreeName.parse(tree, field="tree").workspace, self._sleep)


def _renamed(entry: pb.TreeEntry, path: str) -> pb.TreeEntry:
    renamed = pb.TreeEntry()
    renamed.CopyFrom(entry)
    renamed.path = path
    return renamed


def _stripped(path: str, folder: str) -> str:
    if not folder:
        return path
    if not path.startswith(f"{folder}/"):
        raise InvalidArgument(f"{path} is not in the folder {folder!r}, which is to be left out", field="strip")
    return path[len(folder) + 1 :]


def _no_such_file(tree: str, path: str) -> NotFound:
    return NotFound(f"{tree} holds no file {path!r}", reason="FILE_NOT_FOUND", metadata={"path": path[:300]})
