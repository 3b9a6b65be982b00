"""`run.register_model` inside a run: the files are uploaded from the run's folder and registered as the run itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from orris import errors
from orris.models.v1 import models_pb2 as models
from orris.models.v1 import models_service_pb2 as models_service
from orris.names import ModelVersionName, RunName, WorkspaceName
from orris_agent.keeping import as_text, kept_files
from orris_agent.requests import RunRequest
from orris_agent.run_file import RunFile
from orris_agent.storage import Storage
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris.models.v1.models_service_pb2_grpc import ModelServiceAsyncStub

_FRAMEWORKS = {
    "custom": models.FRAMEWORK_CUSTOM,
    "scikitlearn": models.FRAMEWORK_SCIKIT_LEARN,
    "onnx": models.FRAMEWORK_ONNX,
    "tensorflow": models.FRAMEWORK_TENSORFLOW,
    "tfkeras": models.FRAMEWORK_TF_KERAS,
    "pytorch": models.FRAMEWORK_PYTORCH,
    "multi": models.FRAMEWORK_MULTI,
}


class Registration:
    """Answers `register_model`."""

    def __init__(self, model_service: ModelServiceAsyncStub, storage_of: Callable[[str], Storage]) -> None:
        self._models = model_service
        self._storage_of = storage_of

    async def register_model(self, request: RunRequest) -> dict[str, Any]:
        """Register what the run has written so far at `model_path`; return the version's name, id and number."""
        parameters, run = request.parameters, RunName.parse(request.lease.run.name)
        name = parameters["model_name"]
        path = parameters.get("model_path") or name
        kept, refused = await run_blocking(kept_files, request.folder)
        _check_none_refused(refused, path)
        files = _below(kept, path)
        version = _version(parameters)
        version.run = str(run)
        version.tree = await self._storage_of(run.workspace).upload(files)
        version.file = next(iter(files)) if len(files) == 1 else ""
        create = models_service.CreateModelVersionRequest(
            parent=str(WorkspaceName(run.workspace)), model_id=name, model_version=version, request_id=request.id
        )
        response = await self._models.CreateModelVersion(create, metadata=request.authorization)
        number = ModelVersionName.parse(response.model_version.name).version
        return {"name": name, "version": int(number), "id": f"{name}:{number}"}


def _check_none_refused(refused: Mapping[str, str], path: str) -> None:
    """Raise FailedPrecondition for a file of the model that cannot be registered: it would be missing silently."""
    for name in sorted(_at_or_below(refused, path)):
        raise errors.FailedPrecondition(f"model_path: {as_text(name)} {refused[name]}.", reason="FILE_REFUSED")


def _at_or_below(names: Iterable[str], path: str) -> list[str]:
    return [name for name in names if name == path or name.startswith(f"{path.rstrip('/')}/")]


def _below(files: Mapping[str, RunFile], path: str) -> dict[str, RunFile]:
    """Return the file at `path` under its own name, or the files below it by their paths relative to it."""
    if path in files:
        return {path.rsplit("/", 1)[-1]: files[path]}
    prefix = f"{path.rstrip('/')}/"
    found = {name.removeprefix(prefix): file for name, file in files.items() if name.startswith(prefix)}
    if not found:
        raise errors.FailedPrecondition(
            f"model_path: the run has written no {path!r} in outputs/ so far; it has {', '.join(files) or 'nothing'}.",
            reason="PATH_NOT_KEPT",
        )
    return found


def _version(parameters: dict[str, Any]) -> models.ModelVersion:
    framework = parameters.get("model_framework") or "custom"
    if framework.lower() not in _FRAMEWORKS:
        raise errors.InvalidArgument(f"model_framework: {framework!r} is unknown.", field="model_framework")
    version = models.ModelVersion(
        framework=_FRAMEWORKS[framework.lower()],
        framework_version=parameters.get("model_framework_version") or "",
        description=parameters.get("description") or "",
        tags=parameters.get("tags") or {},
        properties=parameters.get("properties") or {},
    )
    if (sample := parameters.get("sample_input")) is not None:
        version.sample_input_json = json.dumps(sample)
    if resources := parameters.get("resource_configuration"):
        version.resource_configuration.cpu = resources.get("cpu") or 0
        version.resource_configuration.memory_gib = resources.get("memory_in_gb") or 0
        version.resource_configuration.gpu = resources.get("gpu") or 0
    return version
