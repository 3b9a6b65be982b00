"""Registering a model: of files that a run kept, or of local ones."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.models.v1 import models_pb2, models_service_pb2
from orris.sdk.framework import framework_number
from orris.sdk.local_packages import environment_of_this_interpreter
from orris.sdk.progress import busy, bytes_shown
from orris.sdk.resource_configuration import to_message
from orris.sdk.samples import sample_json

if TYPE_CHECKING:
    from orris.sdk.environment import Environment
    from orris.sdk.model import Model
    from orris.sdk.run import Run
    from orris.sdk.workspace import Workspace


def register_from_run(run: Run, model_name: str, model_path: str | None = None, **options: Any) -> Model:
    """Register what the run kept at `model_path`, by default at `model_name`."""
    message = describe(**options)
    message.run = run.resource_name
    return _create(run.workspace, model_name, message, run_path=model_path or "")


def register_local(
    workspace: Workspace,
    model_path: str | Path,
    model_name: str,
    *,
    environment: Environment | str | None = None,
    show_output: bool = False,
    **options: Any,
) -> Model:
    """Upload a file or folder and register it with the environment that made it.

    Without an environment, a scikit-learn model gets the packages of this interpreter (or the framework version named).
    """
    message = describe(**options)
    files = model_files(Path(model_path).expanduser())
    if environment is None and message.framework == models_pb2.FRAMEWORK_SCIKIT_LEARN:
        environment = environment_of_this_interpreter(model_name, message.framework_version)
    if environment is not None:
        message.image = _image(workspace, environment, show_output)
    with bytes_shown("Uploading the model") as progress:
        message.tree = workspace.transfer.upload(files, progress).name
    message.file = next(iter(files)) if len(files) == 1 else ""
    return _create(workspace, model_name, message)


def describe(
    *,
    tags: Mapping[str, object] | None = None,
    properties: Mapping[str, object] | None = None,
    description: str | None = None,
    model_framework: str | None = None,
    model_framework_version: str | None = None,
    sample_input: Any = None,
    sample_input_dataset: Any = None,
    resource_configuration: Any = None,
) -> models_pb2.ModelVersion:
    """Return what is said of a model, in the contract's form. Raises InvalidArgument that names the field."""
    if model_framework_version and not model_framework:
        message = "model_framework_version: say which framework's version it is with model_framework"
        raise InvalidArgument(message, field="model_framework_version")
    sample = sample_input if sample_input is not None else sample_input_dataset
    return models_pb2.ModelVersion(
        framework=framework_number(model_framework),
        framework_version=model_framework_version or "",
        description=description or "",
        tags={key: str(value) for key, value in (tags or {}).items()},
        properties={key: str(value) for key, value in (properties or {}).items()},
        resource_configuration=to_message(resource_configuration),
        sample_input_json=sample_json(sample),
    )


def model_files(path: Path) -> dict[str, Path]:
    """Return the files of a model by their paths in it: a file by its name, a folder's relative to the folder.

    Raises InvalidArgument when there is nothing.
    """
    if path.is_file():
        return {path.name: path}
    files = {each.relative_to(path).as_posix(): each for each in sorted(path.rglob("*")) if each.is_file()}
    if not files:
        what = "is an empty folder" if path.is_dir() else "does not exist"
        raise InvalidArgument(f"model_path: {path.absolute()} {what}", field="model_path")
    return files


def _image(workspace: Workspace, environment: Environment | str, show_output: bool) -> str:
    from orris.sdk.environment import Environment

    if isinstance(environment, str):
        name, _, version = environment.partition(":")
        environment = Environment.get(workspace, name, version or None)
    with nullcontext() if show_output else busy(f"Making the environment {environment.name}"):
        return environment.build(workspace).wait_for_completion(show_output=show_output).image


def _create(workspace: Workspace, model_name: str, message: models_pb2.ModelVersion, run_path: str = "") -> Model:
    from orris.sdk.model import Model

    request = models_service_pb2.CreateModelVersionRequest(
        parent=workspace.resource_name,
        model_id=model_name,
        model_version=message,
        run_path=run_path,
        request_id=uuid.uuid4().hex,
    )
    return Model.from_message(workspace, workspace.connection.models.CreateModelVersion(request).model_version)
