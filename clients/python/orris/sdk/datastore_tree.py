"""The files of a datastore: exchanged as a whole, by whoever has seen what is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping

from orris.artifacts.v1 import artifacts_pb2
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.errors import AlreadyExists, Conflict, NotFound
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.sending import CALL_SECONDS
from orris.sdk.transfer import Transfer

Entries = dict[str, artifacts_pb2.TreeEntry]
_ATTEMPTS = 20


class DatastoreTree:
    """The files of one datastore (its resource name). Blocking."""

    def __init__(self, stub: DataServiceStub, transfer: Transfer, name: str, *, sleep: Sleep = time.sleep) -> None:
        self.name = name
        self._stub = stub
        self._transfer = transfer
        self._sleep = sleep

    def tree(self) -> str:
        """Return the resource name of the tree with the files that are there now; empty where none ever was."""
        request = rpc.GetDatastoreRequest(name=self.name)
        try:
            return repeat(lambda: self._stub.GetDatastore(request, timeout=CALL_SECONDS), self._sleep).datastore.tree
        except NotFound as error:
            if error.reason != "DATASTORE_NOT_FOUND":
                raise
            return ""

    def entries(self, prefix: str = "") -> Iterator[artifacts_pb2.TreeEntry]:
        """Give the files that are there now: all, or the file `prefix`, or those below that folder."""
        tree = self.tree()
        yield from self._transfer.entries(tree, prefix) if tree else ()

    def put(self, files: Mapping[str, artifacts_pb2.TreeEntry], *, replacing: bool = True) -> None:
        """Put files there, path -> entry of any tree of the workspace, instead of those with the same paths.

        Raises InvalidArgument (INVALID_PATH) where a file would be in the way of a folder, AlreadyExists (FILE_EXISTS)
        where one would take the place of another, unless `replacing`.
        """

        def change(there: Entries) -> Entries:
            if not replacing:
                _check_same(there, files)
            return there | dict(files)

        self._change(change)

    def remove(self, prefix: str) -> None:
        """Remove the file of this path, or those below this folder; all where it is empty."""
        below = f"{prefix.rstrip('/')}/" if prefix else ""
        self._change(lambda there: {path: entry for path, entry in there.items() if not (f"{path}/").startswith(below)})

    def _change(self, change: Callable[[Entries], Entries]) -> None:
        """Exchange the files for others; where somebody else does so meanwhile, do the same to what there is then."""
        for attempt in range(_ATTEMPTS):
            expected = self.tree()
            there = {entry.path: entry for entry in self._transfer.entries(expected)} if expected else {}
            tree = self._transfer.compose(change(there)).name
            request = rpc.UpdateDatastoreRequest(name=self.name, tree=tree, expected_tree=expected)
            try:
                repeat(lambda: self._stub.UpdateDatastore(request, timeout=CALL_SECONDS), self._sleep)  # noqa: B023
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
                self._sleep(0.02 * (attempt + 1))
            else:
                return


def _check_same(there: Mapping[str, artifacts_pb2.TreeEntry], files: Mapping[str, artifacts_pb2.TreeEntry]) -> None:
    for path, entry in files.items():
        if path in there and there[path].digest != entry.digest:
            message = f"{path} is in the datastore already, with other content; say overwrite, or choose another place"
            raise AlreadyExists(message, reason="FILE_EXISTS")
