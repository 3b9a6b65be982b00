"""Datastores and datasets in memory, over the trees of the fake artifacts."""

from __future__ import annotations

from typing import Any

from orris.artifacts.v1 import data_pb2 as pb
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceServicer
from orris.errors import AlreadyExists, Conflict, NotFound
from orris.tables import dataset_id, reading_of
from tests.fakes.services.artifacts import FakeArtifacts

# A fake has what tests need; the rest answers UNIMPLEMENTED.
_DataServiceServicer: Any = DataServiceServicer


class FakeData(_DataServiceServicer):
    def __init__(self, artifacts: FakeArtifacts) -> None:
        self.artifacts = artifacts
        self.datastores: dict[str, str] = {}
        self.versions: dict[str, list[pb.DatasetVersion]] = {}

    def files(self, datastore: str = "workspaces/lab/datastores/workspaceblobstore") -> dict[str, bytes]:
        """Return what is in a datastore."""
        return self.artifacts.content(self.datastores[datastore])

    def GetDatastore(self, request: Any, context: Any) -> Any:
        if request.name not in self.datastores:
            raise NotFound("no such datastore", reason="DATASTORE_NOT_FOUND")
        return rpc.GetDatastoreResponse(datastore=pb.Datastore(name=request.name, tree=self.datastores[request.name]))

    def ListDatastores(self, request: Any, context: Any) -> Any:
        found = [pb.Datastore(name=name, tree=tree) for name, tree in sorted(self.datastores.items())]
        return rpc.ListDatastoresResponse(datastores=found)

    def UpdateDatastore(self, request: Any, context: Any) -> Any:
        if self.datastores.get(request.name, "") not in (request.expected_tree, request.tree):
            raise Conflict("changed", reason="DATASTORE_CHANGED")
        self.datastores[request.name] = request.tree
        return rpc.UpdateDatastoreResponse(datastore=pb.Datastore(name=request.name, tree=request.tree))

    def DeleteDatastore(self, request: Any, context: Any) -> Any:
        self.datastores.pop(request.name, None)
        return rpc.DeleteDatastoreResponse()

    def CreateDatasetVersion(self, request: Any, context: Any) -> Any:
        name = f"{request.parent}/datasets/{request.dataset_id}"
        versions = self.versions.setdefault(name, [])
        made = request.dataset_version
        made.id = dataset_id(made.tree.rpartition("/")[2], reading_of(made))
        if not versions or versions[-1].id != made.id:
            if versions and request.only_first:
                raise AlreadyExists("there is another", reason="DATASET_EXISTS")
            content = self.artifacts.content(made.tree)
            made.name = f"{name}/versions/{len(versions) + 1}"
            made.file_count, made.total_size = len(content), sum(map(len, content.values()))
            made.create_time.GetCurrentTime()
            versions.append(made)
        return rpc.CreateDatasetVersionResponse(dataset_version=versions[-1])

    def GetDatasetVersion(self, request: Any, context: Any) -> Any:
        return rpc.GetDatasetVersionResponse(dataset_version=self.find(request.name))

    def find(self, name: str) -> pb.DatasetVersion:
        """Return a version, the latest where none is named."""
        dataset, _, _ = name.partition("/versions/")
        found = [each for each in self.versions.get(dataset, ()) if name in (dataset, each.name)]
        if not found:
            raise NotFound(f"no {name}", reason="DATASET_NOT_FOUND")
        return found[-1]

    def ListDatasetVersions(self, request: Any, context: Any) -> Any:
        if "/datasets/" in request.parent:
            found = self.versions.get(request.parent, [])[::-1]
        elif request.id:
            found = [each for versions in self.versions.values() for each in versions if each.id == request.id]
        else:
            found = [versions[-1] for _, versions in sorted(self.versions.items()) if versions]
        return rpc.ListDatasetVersionsResponse(dataset_versions=found)

    def UpdateDatasetVersion(self, request: Any, context: Any) -> Any:
        found = self.find(request.name)
        if request.HasField("description"):
            found.description = request.description
        for key in request.remove_tags:
            found.tags.pop(key, None)
        found.tags.update(request.set_tags)
        return rpc.UpdateDatasetVersionResponse(dataset_version=found)

    def DeleteDatasetVersion(self, request: Any, context: Any) -> Any:
        found = self.find(request.name)
        self.versions[request.name.partition("/versions/")[0]].remove(found)
        return rpc.DeleteDatasetVersionResponse()
