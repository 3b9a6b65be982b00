"""The contract's handlers: translate, say who may call, leave the rules to core and registration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from orris.errors import InvalidArgument
from orris.models.v1 import models_service_pb2 as pb
from orris.models.v1.models_service_pb2_grpc import ModelServiceServicer
from orris.names import ImageName, ModelName, ModelVersionName, RunName, WorkspaceName, check_id
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.changes import Changes
from orris_kit.context import current_principal
from orris_kit.draining import until_draining
from orris_kit.paging import after_key, page_size, page_token
from orris_kit.text import check_text
from orris_models.checks import MAX_VALUE
from orris_models.converting import Converter
from orris_models.core import Claim, Models
from orris_models.following import Follower
from orris_models.keeping import Keeping, Key
from orris_models.listing import Query
from orris_models.model import Draft, Version
from orris_models.registration import Registration
from orris_models.translation import draft_from, version_message

# A watcher looks again after this many seconds even if it was told nothing.
LOOK_AGAIN = 30.0
MAX_NUMBER = 1 << 62

readers = allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT)


class ModelServicer(ModelServiceServicer):
    """Versions of models over gRPC."""

    def __init__(
        self, models: Models, registration: Registration, keeping: Keeping, converter: Converter, follower: Follower,
        changes: Changes,
    ) -> None:  # fmt: skip
        self._models = models
        self._registration = registration
        self._keeping = keeping
        self._converter = converter
        self._follower = follower
        self._changes = changes

    @allow(Role.USER, Role.SERVICE, Role.RUN)
    async def CreateModelVersion(
        self, request: pb.CreateModelVersionRequest, context: Any
    ) -> pb.CreateModelVersionResponse:
        workspace = WorkspaceName.parse(request.parent, field="parent").workspace
        model = check_id("model", request.model_id, field="model_id")
        caller = current_principal()
        payload = request.SerializeToString(deterministic=True)
        claim = Claim(workspace, model, request.request_id, payload)
        draft = draft_from(request.model_version, caller.subject)
        run = str(RunName(workspace, caller.run or "")) if caller.role is Role.RUN else ""
        # Who hangs up does not stop it half-way: asked again, it has been done.
        version = await asyncio.shield(self._register(claim, draft, request.run_path, run))
        return pb.CreateModelVersionResponse(model_version=version_message(version))

    @readers
    async def GetModelVersion(self, request: pb.GetModelVersionRequest, context: Any) -> pb.GetModelVersionResponse:
        if request.name.count("/") <= 3:
            name = ModelName.parse(request.name)
            version = await run_blocking(self._models.get, name.workspace, name.model)
        else:
            version = await run_blocking(self._models.get, *_key(request.name))
        return pb.GetModelVersionResponse(model_version=version_message(version))

    @readers
    async def ListModelVersions(
        self, request: pb.ListModelVersionsRequest, context: Any
    ) -> pb.ListModelVersionsResponse:
        query = _query(request)
        key = {"of": request.parent, "tags": dict(query.tags), "run": query.run}
        after = after_key(request.page_token, key, int if query.model else str)
        limit = page_size(request.page_size, default=100)
        versions, more = await run_blocking(self._models.page, query, after, limit)
        token = page_token([versions[-1].number if query.model else versions[-1].model], key) if more else ""
        return pb.ListModelVersionsResponse(model_versions=map(version_message, versions), next_page_token=token)

    @readers
    async def WatchModelVersion(
        self, request: pb.WatchModelVersionRequest, context: Any
    ) -> AsyncIterator[pb.WatchModelVersionResponse]:
        async for version in until_draining(self._watch(*_key(request.name))):
            yield pb.WatchModelVersionResponse(model_version=version_message(version))

    @allow(Role.USER, Role.SERVICE)
    async def UpdateModelVersion(
        self, request: pb.UpdateModelVersionRequest, context: Any
    ) -> pb.UpdateModelVersionResponse:
        version = await run_blocking(
            self._models.update,
            *_key(request.name),
            description=request.description if request.HasField("description") else None,
            set_tags=dict(request.set_tags),
            remove_tags=list(request.remove_tags),
            set_properties=dict(request.set_properties),
        )
        return pb.UpdateModelVersionResponse(model_version=version_message(version))

    @allow(Role.USER, Role.SERVICE)
    async def DeleteModelVersion(
        self, request: pb.DeleteModelVersionRequest, context: Any
    ) -> pb.DeleteModelVersionResponse:
        await asyncio.shield(self._delete(_key(request.name)))
        return pb.DeleteModelVersionResponse()

    @allow(Role.USER, Role.SERVICE)
    async def PrepareConversion(
        self, request: pb.PrepareConversionRequest, context: Any
    ) -> pb.PrepareConversionResponse:
        image = str(ImageName.parse(request.image, field="image"))
        return pb.PrepareConversionResponse(build=await self._converter.prepare(image))

    @allow(Role.SERVICE)
    async def SetModelUse(self, request: pb.SetModelUseRequest, context: Any) -> pb.SetModelUseResponse:
        if not check_text("user", request.user, 400):
            raise InvalidArgument("user: name who uses the version", field="user")
        await run_blocking(self._models.set_use, *_key(request.name), request.user, request.in_use)
        return pb.SetModelUseResponse()

    async def _register(self, claim: Claim, draft: Draft, run_path: str, caller_run: str) -> Version:
        version = await self._registration.register(claim, draft, run_path, caller_run)
        self._follower.follow(version)
        return version

    async def _delete(self, key: Key) -> None:
        await run_blocking(self._models.delete, *key)
        await self._keeping.let_go(key)

    async def _watch(self, workspace: str, model: str, number: int) -> AsyncIterator[Version]:
        name = f"workspaces/{workspace}/models/{model}/versions/{number}"
        sent: Version | None = None
        async with self._changes.watch(name) as waiter:
            while True:
                version = await run_blocking(self._models.get, workspace, model, number)
                if version != sent:
                    yield version
                    sent = version
                if version.conversion.state.final:
                    return
                await waiter.wait(LOOK_AGAIN)


def _key(name: str) -> tuple[str, str, int]:
    parsed = ModelVersionName.parse(name)
    number = parsed.version
    if not (number.isascii() and number.isdecimal() and 0 < int(number[:20]) < MAX_NUMBER):
        raise InvalidArgument(f"name: a version is a number from 1, not {number[:40]!r}", field="name")
    return parsed.workspace, parsed.model, int(number)


def _query(request: pb.ListModelVersionsRequest) -> Query:
    if request.run:
        RunName.parse(request.run, field="run")
    tags = dict(request.tags)
    for text in (*tags, *tags.values()):
        check_text("tags", text, MAX_VALUE)
    if request.parent.count("/") <= 1:
        return Query(WorkspaceName.parse(request.parent, field="parent").workspace, tags=tags, run=request.run)
    name = ModelName.parse(request.parent, field="parent")
    return Query(name.workspace, name.model, tags, request.run)
