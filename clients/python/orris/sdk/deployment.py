"""Deploying: a model without code, or a scoring script with its models."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.runs.v1 import runs_pb2
from orris.sdk.resources import Resources, isolation_number

if TYPE_CHECKING:
    from orris.sdk.endpoint import Endpoint
    from orris.sdk.model import Model
    from orris.sdk.workspace import Workspace

GIB = 1024**3


def deploy(
    workspace: Workspace,
    name: str,
    models: Sequence[Model],
    inference_config: Any = None,
    deployment_config: Any = None,
    overwrite: bool = False,
    auth_enabled: bool | None = None,
    resources: Resources | None = None,
    isolation: str | None = None,
) -> Endpoint:
    """Create or redeploy an endpoint.

    `inference_config` is an `InferenceConfig`, or has its `upload`. `deployment_config` may have `auth_enabled`,
    `tags`, `description`, `cpu_cores`, `memory_gb` and `gpu_cores`. Limits come from `resources`, else from there, else
    from the only model. Raises InvalidArgument unless there is exactly one model, or a scoring script.
    """
    from orris.sdk.endpoint import Endpoint

    if inference_config is None and len(models) != 1:
        message = "You must provide an InferenceConfig when deploying zero or multiple models."
        raise InvalidArgument(f"models: {message}", field="models")
    endpoint = inference_pb2.Endpoint(
        description=str(getattr(deployment_config, "description", None) or ""),
        tags={key: str(value) for key, value in (getattr(deployment_config, "tags", None) or {}).items()},
        resources=_limits(models, deployment_config, resources),
        isolation=isolation_number(isolation),
    )
    if inference_config is None:
        endpoint.model_version = models[0].resource_name
    else:
        if not hasattr(inference_config, "upload"):
            message = "inference_config: give an InferenceConfig(entry_script=..., source_directory=...)"
            raise InvalidArgument(message, field="inference_config")
        endpoint.code.CopyFrom(inference_config.upload(workspace))
        endpoint.model_versions.extend(model.resource_name for model in models)
    auth = getattr(deployment_config, "auth_enabled", None) if auth_enabled is None else auth_enabled
    if auth is not None:
        endpoint.auth_enabled = bool(auth)
    request = inference_service_pb2.CreateEndpointRequest(
        parent=workspace.resource_name,
        endpoint_id=name,
        endpoint=endpoint,
        overwrite=overwrite,
        request_id=uuid.uuid4().hex,
    )
    return Endpoint.from_message(workspace, workspace.connection.endpoints.CreateEndpoint(request).endpoint)


def _limits(models: Sequence[Model], config: Any, resources: Resources | None) -> runs_pb2.Resources | None:
    given = resources.to_message() if resources else None
    if given is not None:
        return given
    cpu, memory = getattr(config, "cpu_cores", None), getattr(config, "memory_gb", None)
    gpu = getattr(config, "gpu_cores", None)
    own = models[0].resource_configuration if len(models) == 1 else None
    if own is not None:
        cpu, memory, gpu = cpu or own.cpu, memory or own.memory_in_gb, gpu or own.gpu
    return Resources(cpus=cpu, memory=None if memory is None else int(memory * GIB), gpus=gpu).to_message()
