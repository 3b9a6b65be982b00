"""The handlers of DataService: translate, say who may call, leave the rules to the core."""

from __future__ import annotations

from typing import Any

from orris.artifacts.v1 import data_service_pb2 as pb
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceServicer
from orris.errors import InvalidArgument
from orris.names import DatasetName, DatasetVersionName, DatastoreName, RunName, WorkspaceName, check_id
from orris_artifacts.core import Artifacts
from orris_artifacts.data_translation import datastore_message, draft_from, tree_digest, version_message
from orris_artifacts.datasets import Claim, Version
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.paging import after_key, page_size, page_token

MAX_NUMBER = 1 << 62

writers = allow(Role.USER, Role.AGENT, Role.SERVICE)
readers = allow(Role.USER, Role.AGENT, Role.SERVICE, Role.READER)


class DataServicer(DataServiceServicer):
    """Datastores and datasets over gRPC."""

    def __init__(self, core: Artifacts) -> None:
        self._datastores, self._datasets = core.datastores, core.datasets

    @readers
    async def GetDatastore(self, request: pb.GetDatastoreRequest, context: Any) -> pb.GetDatastoreResponse:
        found = await run_blocking(self._datastores.get, DatastoreName.parse(request.name))
        return pb.GetDatastoreResponse(datastore=datastore_message(found))

    @readers
    async def ListDatastores(self, request: pb.ListDatastoresRequest, context: Any) -> pb.ListDatastoresResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        query = {"datastores": workspace}
        (after,) = after_key(request.page_token, query, str) or ("",)
        limit = page_size(request.page_size, default=100)
        found, more = await run_blocking(self._datastores.page, workspace, str(after), limit)
        token = page_token([found[-1].datastore], query) if more else ""
        return pb.ListDatastoresResponse(datastores=map(datastore_message, found), next_page_token=token)

    @writers
    async def UpdateDatastore(self, request: pb.UpdateDatastoreRequest, context: Any) -> pb.UpdateDatastoreResponse:
        name = DatastoreName.parse(request.name)
        tree = tree_digest(name.workspace, request.tree, "tree")
        expected = tree_digest(name.workspace, request.expected_tree, "expected_tree") if request.expected_tree else ""
        found = await run_blocking(self._datastores.exchange, name, tree, expected)
        return pb.UpdateDatastoreResponse(datastore=datastore_message(found))

    @allow(Role.USER, Role.SERVICE)
    async def DeleteDatastore(self, request: pb.DeleteDatastoreRequest, context: Any) -> pb.DeleteDatastoreResponse:
        await run_blocking(self._datastores.delete, DatastoreName.parse(request.name))
        return pb.DeleteDatastoreResponse()

    @writers
    async def CreateDatasetVersion(
        self, request: pb.CreateDatasetVersionRequest, context: Any
    ) -> pb.CreateDatasetVersionResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        dataset = check_id("dataset", request.dataset_id, field="dataset_id")
        caller = current_principal()
        run = _run(workspace, request.dataset_version.run) if caller.role in (Role.AGENT, Role.SERVICE) else ""
        draft = draft_from(workspace, request.dataset_version, caller.subject, run)
        claim = Claim(workspace, dataset, request.request_id, request.SerializeToString(deterministic=True))
        found = await run_blocking(self._datasets.create, claim, draft, only_first=request.only_first)
        return pb.CreateDatasetVersionResponse(dataset_version=version_message(found))

    @readers
    async def GetDatasetVersion(
        self, request: pb.GetDatasetVersionRequest, context: Any
    ) -> pb.GetDatasetVersionResponse:
        if request.name.count("/") <= 3:
            name = DatasetName.parse(request.name)
            found = await run_blocking(self._datasets.get, name.workspace, name.dataset)
        else:
            found = await run_blocking(self._datasets.get, *_key(request.name))
        return pb.GetDatasetVersionResponse(dataset_version=version_message(found))

    @readers
    async def ListDatasetVersions(
        self, request: pb.ListDatasetVersionsRequest, context: Any
    ) -> pb.ListDatasetVersionsResponse:
        found, token = await run_blocking(self._list, request)
        return pb.ListDatasetVersionsResponse(dataset_versions=map(version_message, found), next_page_token=token)

    @allow(Role.USER, Role.SERVICE)
    async def UpdateDatasetVersion(
        self, request: pb.UpdateDatasetVersionRequest, context: Any
    ) -> pb.UpdateDatasetVersionResponse:
        found = await run_blocking(
            self._datasets.update,
            *_key(request.name),
            description=request.description if request.HasField("description") else None,
            set_tags=dict(request.set_tags),
            remove_tags=list(request.remove_tags),
        )
        return pb.UpdateDatasetVersionResponse(dataset_version=version_message(found))

    @allow(Role.USER, Role.SERVICE)
    async def DeleteDatasetVersion(
        self, request: pb.DeleteDatasetVersionRequest, context: Any
    ) -> pb.DeleteDatasetVersionResponse:
        await run_blocking(self._datasets.delete, *_key(request.name))
        return pb.DeleteDatasetVersionResponse()

    def _list(self, request: pb.ListDatasetVersionsRequest) -> tuple[list[Version], str]:
        query, limit = {"of": request.parent, "id": request.id}, page_size(request.page_size, default=100)
        if request.parent.count("/") > 1:
            name = DatasetName.parse(request.parent, field="parent")
            if request.id:
                raise InvalidArgument("id: is looked for in a whole workspace; leave the dataset out", field="id")
            before = after_key(request.page_token, query, int)
            found, more = self._datasets.versions(
                name.workspace, name.dataset, int(str(before[0])) if before else None, limit
            )
            return found, page_token([found[-1].number], query) if more else ""
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        if request.id:
            dataset, number = after_key(request.page_token, query, str, int) or ("", 0)
            found, more = self._datasets.with_id(workspace, request.id, (str(dataset), int(str(number))), limit)
            return found, page_token([found[-1].dataset, found[-1].number], query) if more else ""
        (after,) = after_key(request.page_token, query, str) or ("",)
        found, more = self._datasets.latest(workspace, str(after), limit)
        return found, page_token([found[-1].dataset], query) if more else ""


def _key(name: str) -> tuple[str, str, int]:
    parsed = DatasetVersionName.parse(name)
    number = parsed.version
    if not (number.isascii() and number.isdecimal() and 0 < int(number[:20]) < MAX_NUMBER):
        raise InvalidArgument(f"name: a version is a number from 1, not {number[:40]!r}", field="name")
    return parsed.workspace, parsed.dataset, int(number)


def _run(workspace: str, name: str) -> str:
    if name and RunName.parse(name, field="dataset_version.run").workspace != workspace:
        message = f"dataset_version.run: {name} is of another workspace"
        raise InvalidArgument(message, field="dataset_version.run", reason="OTHER_WORKSPACE")
    return name
