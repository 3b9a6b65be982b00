"""The contract's handlers: translate, say who may call, leave the rules to the core."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from orris.errors import FailedPrecondition, InvalidArgument, PermissionDenied
from orris.images.v1 import images_service_pb2 as pb
from orris.names import (
    BuildName,
    EnvironmentName,
    EnvironmentVersionName,
    ImageName,
    TreeName,
    check_id,
    parse_environment,
)
from orris_images.contexts import Contexts
from orris_images.core import Core
from orris_images.environments import check_not_reserved
from orris_images.image_handlers import ImageHandlers, readers, writers
from orris_images.listing import PAGE_SIZE, page_of, query_of, token_after, workspace_of
from orris_images.records import Build, added_target, overlay_target
from orris_images.spec import Spec
from orris_images.specification import addition_of, overlay_packages, spec_from
from orris_images.translation import build_message, environment_message
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import after_key, page_size, page_token

LOOK_AGAIN_SECONDS = 30.0


class ImageServicer(ImageHandlers):
    """Environments, builds and images over gRPC."""

    def __init__(self, core: Core, changes: Changes, contexts: Contexts) -> None:
        super().__init__(core)
        self._environments, self._changes, self._contexts = core.environments, changes, contexts
        self._adding = core.adding

    @writers
    async def CreateEnvironment(
        self, request: pb.CreateEnvironmentRequest, context: Any
    ) -> pb.CreateEnvironmentResponse:
        return await run_blocking(self._create_environment, request)

    @readers
    async def GetEnvironment(self, request: pb.GetEnvironmentRequest, context: Any) -> pb.GetEnvironmentResponse:
        found = await run_blocking(self._environments.get, *_environment(parse_environment(request.name)))
        return pb.GetEnvironmentResponse(environment=environment_message(found))

    @readers
    async def ListEnvironments(self, request: pb.ListEnvironmentsRequest, context: Any) -> pb.ListEnvironmentsResponse:
        versions = request.parent.count("/") > 1
        return await run_blocking(self._list_versions if versions else self._list_environments, request)

    @writers
    async def CreateBuild(self, request: pb.CreateBuildRequest, context: Any) -> pb.CreateBuildResponse:
        more = request.HasField("overlay") or request.HasField("addition")
        if more and current_principal().role is not Role.SERVICE:
            message = "only services ask for an overlay or an addition; register an environment with it and build that"
            raise PermissionDenied(message, reason="ROLE_NOT_ADMITTED")
        return pb.CreateBuildResponse(build=build_message(await run_blocking(self._create_build, request)))

    @readers
    async def GetBuild(self, request: pb.GetBuildRequest, context: Any) -> pb.GetBuildResponse:
        name = BuildName.parse(request.name)
        return pb.GetBuildResponse(
            build=build_message(await run_blocking(self._builds.get, name.workspace, name.build))
        )

    @readers
    async def ListBuilds(self, request: pb.ListBuildsRequest, context: Any) -> pb.ListBuildsResponse:
        workspace, after, limit = page_of(request)
        found, more = await run_blocking(self._builds.list, workspace, after, limit)
        token = token_after(request, found[-1].create_time, found[-1].build) if more else ""
        return pb.ListBuildsResponse(builds=map(build_message, found), next_page_token=token)

    @writers
    async def CancelBuild(self, request: pb.CancelBuildRequest, context: Any) -> pb.CancelBuildResponse:
        name = BuildName.parse(request.name)
        build = await run_blocking(self._builds.cancel, name.workspace, name.build)
        return pb.CancelBuildResponse(build=build_message(build))

    @readers
    async def ReadBuildLog(
        self, request: pb.ReadBuildLogRequest, context: Any
    ) -> AsyncIterator[pb.ReadBuildLogResponse]:
        async for message in until_draining(self._log(BuildName.parse(request.name), request.offset, request.follow)):
            yield message

    def _create_environment(self, request: pb.CreateEnvironmentRequest) -> pb.CreateEnvironmentResponse:
        workspace, payload = (workspace_of(request.parent), request.SerializeToString(deterministic=True))
        name = check_id("environment", request.environment_id, field="environment_id")
        spec = spec_from(request.spec, workspace, lambda image, packages: self._overlay(workspace, image, packages))
        message = request.spec.SerializeToString(deterministic=True)
        check_not_reserved(name)
        with self._context_kept(workspace, name, spec):
            made = self._environments.create(workspace, name, spec, message, request.request_id, payload)
        return pb.CreateEnvironmentResponse(environment=environment_message(made))

    @contextmanager
    def _context_kept(self, workspace: str, environment: str, spec: Spec) -> Iterator[None]:
        """Have the files of a Dockerfile kept: before the environment that needs them is there, as long as it is.

        Where it does not come to be, they are let go. Somebody else who fails may let go what this one needs; so it is
        said again when all went well: what was kept a moment ago is not collected in between.
        """
        tree = spec.dockerfile.context if spec.dockerfile is not None else ""
        if not tree:
            yield
            return
        owner = f"{EnvironmentName(workspace, environment)}/contexts/{TreeName.parse(tree).sha256}"
        self._keep_context(owner, tree)
        try:
            yield
        except Exception:
            if not self._environments.uses_context(workspace, environment, tree):
                self._contexts.release(owner, tree)
            raise
        self._keep_context(owner, tree)

    def _keep_context(self, owner: str, tree: str) -> None:
        try:
            self._contexts.keep(owner, tree)
        except FailedPrecondition as error:
            field = "spec.dockerfile.context"
            raise InvalidArgument(f"{field}: {error.message}", field=field, reason="INVALID_SPEC") from error

    def _list_environments(self, request: pb.ListEnvironmentsRequest) -> pb.ListEnvironmentsResponse:
        (after,) = after_key(request.page_token, query_of(request), str) or ("",)
        limit = page_size(request.page_size, default=PAGE_SIZE)
        found, more = self._environments.latest(workspace_of(request.parent), str(after), limit)
        token = page_token([found[-1].environment], query_of(request)) if more else ""
        return pb.ListEnvironmentsResponse(environments=map(environment_message, found), next_page_token=token)

    def _list_versions(self, request: pb.ListEnvironmentsRequest) -> pb.ListEnvironmentsResponse:
        name = EnvironmentName.parse(request.parent, field="parent")
        (before,) = after_key(request.page_token, query_of(request), int) or (None,)
        limit = page_size(request.page_size, default=PAGE_SIZE)
        below = None if before is None else int(before)
        found, more = self._environments.versions(name.workspace, name.environment, below, limit)
        token = page_token([int(found[-1].version)], query_of(request)) if more else ""
        return pb.ListEnvironmentsResponse(environments=map(environment_message, found), next_page_token=token)

    def _create_build(self, request: pb.CreateBuildRequest) -> Build:
        workspace = workspace_of(request.parent)
        target, spec = self._target(workspace, request)
        payload = request.SerializeToString(deterministic=True)
        build = self._builds.create(
            workspace, target, spec, refresh=request.refresh, request_id=request.request_id, payload=payload
        )
        if build.image:
            self._uses.note(workspace, build.image)
        return build

    def _target(self, workspace: str, request: pb.CreateBuildRequest) -> tuple[str, Spec]:
        if request.HasField("overlay") == bool(request.environment):
            raise InvalidArgument("set either environment or overlay", field="environment")
        if request.HasField("overlay") and request.HasField("addition"):
            raise InvalidArgument("addition: an overlay has packages of its own; leave one out", field="addition")
        if request.HasField("overlay"):
            spec = self._overlay(workspace, request.overlay.image, overlay_packages(request.overlay))
            return overlay_target(spec), spec
        name = parse_environment(request.environment, field="environment")
        _same_workspace(workspace, name.workspace, "environment")
        found = self._environments.get(*_environment(name))
        if not request.HasField("addition"):
            return found.target, found.spec
        spec = self._adding.added(workspace, found.spec, addition_of(request.addition))
        packages = sorted(set(spec.packages) - set(found.spec.packages))
        return added_target(found.target, packages) if packages else found.target, spec

    def _overlay(self, workspace: str, image: str, packages: Sequence[str]) -> Spec:
        name = ImageName.parse(image, field="overlay.image")
        _same_workspace(workspace, name.workspace, "overlay.image")
        return self._images.overlay(workspace, name.image, packages)

    async def _log(self, name: BuildName, offset: int, follow: bool) -> AsyncIterator[pb.ReadBuildLogResponse]:
        async with self._changes.watch((name.workspace, name.build)) as waiter:
            while True:
                data, end = await run_blocking(self._builds.read_log, name.workspace, name.build, offset)
                if data or end:
                    yield pb.ReadBuildLogResponse(offset=offset, data=data, end=end)
                offset += len(data)
                if end or not (data or follow):
                    return
                if not data:
                    await waiter.wait(LOOK_AGAIN_SECONDS)


def _environment(name: EnvironmentName | EnvironmentVersionName) -> tuple[str, str, str | None]:
    version = name.version if isinstance(name, EnvironmentVersionName) else None
    return name.workspace, name.environment, version


def _same_workspace(workspace: str, other: str, field: str) -> None:
    if workspace != other:
        message = f"{field} is of the workspace {other!r}, not of the parent's {workspace!r}"
        raise InvalidArgument(message, field=field, reason="OTHER_WORKSPACE")
