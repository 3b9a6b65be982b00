"""What inference needs of the models service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orris.errors import InvalidArgument, NotFound, OrrisError, Retryable
from orris.models.v1 import models_pb2, models_service_pb2
from orris.models.v1.models_service_pb2_grpc import ModelServiceStub
from orris.sdk.framework import framework_name
from orris_inference.signature import Column, ColumnType, Signature, default_first

if TYPE_CHECKING:
    import grpc

    from orris.models.v1.models_service_pb2_grpc import ModelServiceAsyncStub

SERVICE = models_service_pb2.DESCRIPTOR.services_by_name["ModelService"]
RETRY_SECONDS = 1.0
_SERVED = (models_pb2.FRAMEWORK_SCIKIT_LEARN, models_pb2.FRAMEWORK_ONNX)
_C = models_pb2.Conversion
_FINAL = {_C.STATE_VERIFIED, _C.STATE_DIFFERENT, _C.STATE_UNSUPPORTED, _C.STATE_FAILED, _C.STATE_NOT_APPLICABLE}
_S = models_pb2.Signature.Column
_TYPES = {
    _S.TYPE_NUMBER: ColumnType.NUMBER,
    _S.TYPE_INTEGER: ColumnType.INTEGER,
    _S.TYPE_BOOLEAN: ColumnType.BOOLEAN,
    _S.TYPE_TEXT: ColumnType.TEXT,
}


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A registered model. `graph`: the tree and path of an ONNX graph to serve, None where the original is served."""

    name: str
    tree: str
    file: str
    is_onnx: bool
    graph: tuple[str, str] | None
    image: str
    snapshot: str
    script: str
    experiment: str
    signature: Signature | None
    examination: str
    sample: str = ""


class Models:
    """The models service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub: ModelServiceAsyncStub = ModelServiceStub(channel)

    async def check_served(self, name: str) -> None:
        """Raise NotFound where there is no such version, InvalidArgument where it cannot be deployed without code."""
        response = await self._stub.GetModelVersion(models_service_pb2.GetModelVersionRequest(name=name))
        framework = response.model_version.framework
        if framework not in _SERVED:
            known = ", ".join(map(framework_name, _SERVED))
            message = (
                "endpoint.model_version: You must provide an InferenceConfig when deploying a model with "
                f"model_framework set to {framework_name(framework)}. "
                f"Default environments are only provided for these frameworks: {known}."
            )
            raise InvalidArgument(message, field="endpoint.model_version", reason="FRAMEWORK_NOT_SERVED")

    async def get(self, name: str) -> ModelVersion:
        """Return a version as it stands. Raises NotFound (MODEL_NOT_FOUND)."""
        response = await self._stub.GetModelVersion(models_service_pb2.GetModelVersionRequest(name=name))
        return _version(response.model_version)

    async def set_use(self, version: str, endpoint: str, *, in_use: bool) -> None:
        """Say that an endpoint serves a version, or does so no longer."""
        request = models_service_pb2.SetModelUseRequest(name=version, user=endpoint, in_use=in_use)
        await self._stub.SetModelUse(request)

    async def examined(self, name: str, note: Callable[[str], None]) -> ModelVersion:
        """Return the version once its conversion is in a final state; `note` is told what is waited for.

        Raises NotFound; waits for the service for as long as that takes.
        """
        waiting = ""
        while True:
            try:
                async for response in self._stub.WatchModelVersion(
                    models_service_pb2.WatchModelVersionRequest(name=name)
                ):
                    version = response.model_version
                    if _is_final(version):
                        return _version(version)
                    state = _C.State.Name(version.conversion.state).removeprefix("STATE_").lower()
                    if state != waiting:
                        note(f"Waiting for the conversion to ONNX: it {version.conversion.message or f'is {state}'}.")
                        waiting = state
            except NotFound:
                raise
            except OrrisError as error:
                if not isinstance(error, Retryable) and not waiting:
                    note(f"The models service does not answer: {error.message}")
                    waiting = "service"
            await asyncio.sleep(RETRY_SECONDS)


def _is_final(version: models_pb2.ModelVersion) -> bool:
    return version.framework == models_pb2.FRAMEWORK_ONNX or version.conversion.state in _FINAL


def _version(version: models_pb2.ModelVersion) -> ModelVersion:
    is_onnx = version.framework == models_pb2.FRAMEWORK_ONNX
    graph = None
    if is_onnx:
        graph = (version.tree, version.file)
    elif version.conversion.state == _C.STATE_VERIFIED and version.conversion.onnx_tree:
        graph = (version.conversion.onnx_tree, "model.onnx")
    return ModelVersion(
        name=version.name,
        tree=version.tree,
        file=version.file,
        is_onnx=is_onnx,
        graph=graph,
        image=version.image,
        snapshot=version.snapshot,
        script=version.script,
        experiment=version.experiment,
        signature=None if is_onnx or not version.HasField("signature") else _signature(version.signature),
        examination=version.conversion.message,
        sample=version.sample_input_json,
    )


def _signature(message: models_pb2.Signature) -> Signature | None:
    if not message.methods:
        return None
    columns = tuple(Column(each.name, _TYPES.get(each.type, ColumnType.ANY)) for each in message.inputs)
    return Signature(
        default_first(list(message.methods)), columns or None, message.accepts_nan, message.one_dimensional
    )
