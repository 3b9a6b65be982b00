"""Handlers of WorkspaceService."""

from datetime import timedelta
from typing import Any

from orris.errors import InvalidArgument, PermissionDenied
from orris.names import WorkspaceName
from orris.runs.v1 import runs_pb2
from orris.runs.v1 import workspaces_service_pb2 as pb
from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceServicer
from orris_kit.access import allow
from orris_kit.auth import EVERY_WORKSPACE, Role
from orris_kit.blocking import run_blocking
from orris_kit.context import current_principal
from orris_kit.paging import page_size
from orris_runs.core import Core
from orris_runs.tokens import Tokens
from orris_runs.translation import seconds, timestamp, workspace_message

_ROLES = {
    runs_pb2.ROLE_USER: Role.USER,
    runs_pb2.ROLE_READER: Role.READER,
    runs_pb2.ROLE_AGENT: Role.AGENT,
    runs_pb2.ROLE_SERVICE: Role.SERVICE,
    runs_pb2.ROLE_RUN: Role.RUN,
}


class WorkspaceServicer(WorkspaceServiceServicer):
    """Workspaces and tokens over gRPC."""

    def __init__(self, core: Core, tokens: Tokens) -> None:
        self._core = core
        self._tokens = tokens

    @allow(Role.USER, Role.SERVICE)
    async def CreateWorkspace(self, request: pb.CreateWorkspaceRequest, context: Any) -> pb.CreateWorkspaceResponse:
        if not current_principal().may_enter(request.workspace_id):
            raise PermissionDenied("a token of one workspace cannot create another", reason="OTHER_WORKSPACE")
        if len(request.description) > 4096 or "\0" in request.description:
            raise InvalidArgument("description: at most 4096 characters", field="description")
        made = await run_blocking(
            self._core.workspaces.create,
            request.workspace_id,
            request.description,
            request.request_id,
            request.SerializeToString(deterministic=True),
        )
        return pb.CreateWorkspaceResponse(workspace=workspace_message(made))

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT)
    async def GetWorkspace(self, request: pb.GetWorkspaceRequest, context: Any) -> pb.GetWorkspaceResponse:
        found = await run_blocking(self._core.workspaces.get, WorkspaceName.parse(request.name).workspace)
        return pb.GetWorkspaceResponse(workspace=workspace_message(found))

    @allow(Role.USER, Role.READER, Role.SERVICE)
    async def ListWorkspaces(self, request: pb.ListWorkspacesRequest, context: Any) -> pb.ListWorkspacesResponse:
        workspace = current_principal().workspace
        only = None if workspace == EVERY_WORKSPACE else workspace
        size = page_size(request.page_size, default=100)
        found, token = await run_blocking(self._core.workspaces.list, only, size, request.page_token)
        return pb.ListWorkspacesResponse(workspaces=map(workspace_message, found), next_page_token=token)

    @allow(Role.USER, Role.READER, Role.SERVICE)
    async def CreateToken(self, request: pb.CreateTokenRequest, context: Any) -> pb.CreateTokenResponse:
        if (role := _ROLES.get(request.role)) is None:
            raise InvalidArgument("role: name one", field="role")
        workspace = await self._workspace(request.parent)
        lifetime = timedelta(seconds=seconds(request.lifetime)) if request.HasField("lifetime") else None
        token, expiry = self._tokens.create(current_principal(), workspace, role, lifetime, request.subject)
        return pb.CreateTokenResponse(token=token, expire_time=timestamp(expiry))

    async def _workspace(self, parent: str) -> str:
        if parent == f"workspaces/{EVERY_WORKSPACE}":
            return EVERY_WORKSPACE
        workspace = WorkspaceName.parse(parent, field="parent").workspace
        return (await run_blocking(self._core.workspaces.get, workspace)).id
