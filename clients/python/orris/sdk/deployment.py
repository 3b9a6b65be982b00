"""Deploying a model without code."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument, Unimplemented
from orris.inference.v1 import inference_pb2, inference_service_pb2

if TYPE_CHECKING:
    from orris.sdk.endpoint import Endpoint
    from orris.sdk.model import Model
    from orris.sdk.workspace import Workspace


def deploy(
    workspace: Workspace,
    name: str,
    models: Sequence[Model],
    inference_config: Any = None,
    deployment_config: Any = None,
    overwrite: bool = False,
    auth_enabled: bool | None = None,
) -> Endpoint:
    """Create or redeploy an endpoint. `deployment_config` may have `auth_enabled`, `tags` and `description`.

    Raises Unimplemented for a scoring script, InvalidArgument unless there is exactly one model.
    """
    from orris.sdk.endpoint import Endpoint

    if inference_config is not None:
        raise Unimplemented("inference_config: models are served without code of yours; leave it out")
    if len(models) != 1:
        raise InvalidArgument(f"models: give one model, not {len(models)}", field="models")
    endpoint = inference_pb2.Endpoint(
        model_version=models[0].resource_name,
        description=str(getattr(deployment_config, "description", None) or ""),
        tags={key: str(value) for key, value in (getattr(deployment_config, "tags", None) or {}).items()},
    )
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
