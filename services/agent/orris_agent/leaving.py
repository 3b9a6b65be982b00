"""Keep what a run has left in the folders that it was to fill: in a datastore, and as a version of a dataset."""

from __future__ import annotations

import hashlib

from orris.artifacts.v1 import data_pb2
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.names import RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.sdk.data_selection import Entries, fitting, only
from orris.sdk.datastore_tree import DatastoreTree
from orris.sdk.path_values import PathValues
from orris.sdk.repeating import repeat
from orris.sdk.sending import CALL_SECONDS
from orris.sdk.transfer import Transfer
from orris_agent.folder import RunFolder
from orris_agent.keeping import readable_files
from orris_agent.run_data import LEFT
from orris_agent.run_file import RunFile

DEFAULT_PATH = "dataset/{run-id}/{output-name}"


class Leaving:
    """Keeps the outputs of runs of one workspace. Blocking; repeated, it does nothing twice."""

    def __init__(self, stub: DataServiceStub, transfer: Transfer) -> None:
        self._stub = stub
        self._transfer = transfer

    def keep(self, lease: agents.Lease, wanted: runs.RunOutput, tree: str) -> str:
        """Put the files of a tree where they are to be; return the version that they were registered as, if at all.

        Raises AlreadyExists (FILE_EXISTS), NotFound where no file is one to be registered, InvalidArgument for a path
        that the output's `partition_format` does not fit.
        """
        run = RunName.parse(lease.run.name)
        path = (wanted.path or DEFAULT_PATH).replace("{run-id}", run.run).replace("{output-name}", wanted.name)
        entries = {entry.path: entry for entry in self._transfer.entries(tree)}
        chosen = _registered(wanted, entries) if wanted.register_as else {}
        there = {f"{path.strip('/')}/{name}": entry for name, entry in entries.items()}
        DatastoreTree(self._stub, self._transfer, wanted.datastore).put(there, replacing=not wanted.keep_existing)
        if not chosen:
            return ""
        return self._register(lease, wanted, self._transfer.compose(chosen).name if wanted.path_glob else tree, run)

    def _register(self, lease: agents.Lease, wanted: runs.RunOutput, tree: str, run: RunName) -> str:
        version = data_pb2.DatasetVersion(
            tree=tree,
            table=wanted.table if wanted.HasField("table") else None,
            partition_format=wanted.partition_format,
            description=wanted.description,
            tags=wanted.tags,
            run=str(run),
        )
        request = rpc.CreateDatasetVersionRequest(
            parent=run.parent,
            dataset_id=wanted.register_as,
            dataset_version=version,
            request_id=hashlib.sha256(f"{lease.id}/{wanted.name}".encode()).hexdigest(),
        )
        made = repeat(lambda: self._stub.CreateDatasetVersion(request, timeout=CALL_SECONDS))
        return made.dataset_version.name


def left_files(folder: RunFolder, wanted: runs.RunOutput) -> tuple[dict[str, RunFile], dict[str, str]]:
    """Return the files that a run has left in a folder that it was to fill, and why others cannot be kept."""
    top = f"{LEFT}/{wanted.name}"
    paths = list(folder.written.files(top))
    chosen = fitting(paths, wanted.source_globs) if wanted.source_globs else paths
    return readable_files(folder, ((path, f"{top}/{path}") for path in chosen))


def _registered(wanted: runs.RunOutput, entries: Entries) -> Entries:
    """Return the files that the version has."""
    chosen = only(entries, wanted.path_glob, "path_glob") if wanted.path_glob else list(entries)
    values = PathValues(wanted.table.partition_format or wanted.partition_format)
    for path in chosen:
        values.of(path)
    return {path: entries[path] for path in chosen}
