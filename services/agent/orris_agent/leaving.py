"""Keep what a run has left in the folders that it was to fill: in a datastore, and as a version of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from orris.artifacts.v1 import data_pb2
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from orris.names import RunName
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris.sdk.datastore_tree import DatastoreTree
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

    def keep(self, lease: agents.Lease, wanted: runs.RunOutput, files: Mapping[str, RunFile]) -> runs.RunOutput:
        """Keep what is in a folder; return its tree, and the version that it was registered as."""
        run = RunName.parse(lease.run.name)
        tree = self._transfer.upload(files).name
        path = (wanted.path or DEFAULT_PATH).replace("{run-id}", run.run).replace("{output-name}", wanted.name)
        entries = {f"{path.strip('/')}/{entry.path}": entry for entry in self._transfer.entries(tree)}
        DatastoreTree(self._stub, self._transfer, wanted.datastore).put(entries)
        kept = runs.RunOutput(name=wanted.name, tree=tree)
        if wanted.register_as:
            kept.dataset = self._register(lease, wanted, tree, run)
        return kept

    def _register(self, lease: agents.Lease, wanted: runs.RunOutput, tree: str, run: RunName) -> str:
        version = data_pb2.DatasetVersion(
            tree=tree,
            table=wanted.table if wanted.HasField("table") else None,
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


def left_files(folder: RunFolder, name: str) -> tuple[dict[str, RunFile], dict[str, str]]:
    """Return the files that a run has left in a folder that it was to fill, and why others cannot be kept."""
    top = f"{LEFT}/{name}"
    return readable_files(folder, ((path, f"{top}/{path}") for path in folder.written.files(top)))
