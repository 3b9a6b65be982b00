"""An endpoint: a deployed model, or a scoring script with its models, that answers."""

from __future__ import annotations

import builtins
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal

from orris.errors import DeadlineExceeded, InvalidArgument
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.names import EndpointName
from orris.sdk.failures import DeploymentFailed, StillRunning
from orris.sdk.paging import pages
from orris.sdk.resources import isolation_name, resources_details
from orris.sdk.scoring import post
from orris.sdk.spelling import spell, utc_text
from orris.sdk.statistics import endpoint_statistics
from orris.sdk.streams import LogChunk, read_log, watch

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace

FINAL = frozenset({inference_pb2.Endpoint.STATE_HEALTHY, inference_pb2.Endpoint.STATE_FAILED})
KEYS = {
    "primary": inference_service_pb2.KEY_NAME_PRIMARY,
    "secondary": inference_service_pb2.KEY_NAME_SECONDARY,
}


class Endpoint:
    """An endpoint by its name, as it was last seen; `refresh` asks the server. Raises NotFound."""

    def __init__(self, workspace: Workspace, name: str) -> None:
        self.workspace = workspace
        self.message = _fetch(workspace, str(EndpointName(workspace.name, name)))
        self._key: str | None = None

    @classmethod
    def from_message(cls, workspace: Workspace, message: inference_pb2.Endpoint) -> Endpoint:
        """Return the endpoint that a server described."""
        endpoint = cls.__new__(cls)
        endpoint.workspace, endpoint.message, endpoint._key = workspace, message, None
        return endpoint

    @classmethod
    def list(cls, workspace: Workspace) -> builtins.list[Endpoint]:
        """Return the workspace's endpoints by name."""
        request = inference_service_pb2.ListEndpointsRequest(parent=workspace.resource_name)
        found = pages(workspace.connection.endpoints.ListEndpoints, request, lambda page: page.endpoints)
        return [cls.from_message(workspace, each) for each in found]

    @property
    def resource_name(self) -> str:
        return self.message.name

    @property
    def name(self) -> str:
        return EndpointName.parse(self.message.name).endpoint

    @property
    def state(self) -> str:
        """ "Transitioning", "Healthy", "Unhealthy", "Failed" or "Unschedulable"."""
        return spell(inference_pb2.Endpoint.State.DESCRIPTOR, self.message.state)

    @property
    def error(self) -> str:
        """Why it does not answer, with the failing line of the user's code where there is one."""
        return self.message.error

    @property
    def backend(self) -> str:
        """What answers: "Onnx", "Replica" or "Code"; "Unspecified" while that is not decided."""
        return spell(inference_pb2.Endpoint.Backend.DESCRIPTOR, self.message.backend, "BACKEND_")

    @property
    def model_id(self) -> str:
        """The model served, as `name:version`; empty where a script has several, or none."""
        return _model_id(self.message.model_version)

    @property
    def model_ids(self) -> builtins.list[str]:
        """All models, as `name:version`."""
        names = self.message.model_versions or filter(None, (self.message.model_version,))
        return [_model_id(name) for name in names]

    @property
    def entry_script(self) -> str | None:
        """The scoring script; None where a model is served without code."""
        return self.message.code.entry_script if self.message.HasField("code") else None

    @property
    def scoring_uri(self) -> str:
        return self.message.scoring_uri

    @property
    def swagger_uri(self) -> str:
        return self.message.swagger_uri

    @property
    def auth_enabled(self) -> bool:
        return self.message.auth_enabled if self.message.HasField("auth_enabled") else True

    @property
    def methods(self) -> builtins.list[str]:
        """The methods that can be called, the default first."""
        return [*self.message.methods]

    @property
    def description(self) -> str | None:
        return self.message.description or None

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.message.tags)

    def refresh(self) -> Endpoint:
        """Ask the server how it stands now, and return it."""
        self.message = _fetch(self.workspace, self.resource_name)
        return self

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until it is Healthy; with `show_output` print its states as they change.

        Raises DeploymentFailed with the reason when it Failed, DeadlineExceeded after `timeout_sec` seconds,
        StillRunning on Ctrl-C: the deployment goes on.
        """
        deadline = None if timeout_sec is None else time.monotonic() + timeout_sec
        stub = self.workspace.connection.endpoints
        request = inference_service_pb2.WatchEndpointRequest(name=self.resource_name)

        def open_stream() -> Iterable[inference_service_pb2.WatchEndpointResponse]:
            return stub.WatchEndpoint(
                request, timeout=None if deadline is None else max(0.001, deadline - time.monotonic())
            )

        last = ""
        try:
            for message in watch(open_stream, lambda message: message.endpoint.state in FINAL):
                self.message = message.endpoint
                line = f"{self.state}: {self.error}" if self.error else self.state
                if show_output and line != last:
                    sys.stdout.write(f"{line}\n")
                    sys.stdout.flush()
                last = line
        except DeadlineExceeded as error:
            raise DeadlineExceeded(f"endpoint {self.name} is {last or 'unknown'} after {timeout_sec:g} s") from error
        except KeyboardInterrupt:
            raise StillRunning(f"the deployment of endpoint {self.name} goes on") from None
        if self.message.state == inference_pb2.Endpoint.STATE_FAILED:
            raise DeploymentFailed(f"endpoint {self.name} failed: {self.error or 'no reason is known'}")

    def run(self, input_data: str | bytes | dict[str, Any], *, timeout: float = 60.0) -> Any:
        """Ask it: post `{"data": [...]}` (text, bytes, or what becomes JSON) and return the answer's JSON.

        A scoring script gets text and bytes as they are.

        Raises ScoringFailed with the endpoint's own message, Unavailable when it does not answer.
        """
        if self.auth_enabled and self._key is None:
            self._key = self.get_keys()[0]
        status, answer = post(self.scoring_uri, input_data, self._key, timeout)
        if status == 401 and self.auth_enabled:  # the key may have been replaced since
            self._key = self.get_keys()[0]
            status, answer = post(self.scoring_uri, input_data, self._key, timeout)
        return answer.check(status)

    def get_keys(self) -> tuple[str, str]:
        """Return the primary and the secondary key."""
        request = inference_service_pb2.GetEndpointKeysRequest(name=self.resource_name)
        keys = self.workspace.connection.endpoints.GetEndpointKeys(request)
        return keys.primary_key, keys.secondary_key

    def regen_key(self, key: Literal["Primary", "Secondary"]) -> tuple[str, str]:
        """Replace a key and return both. The old one is refused from then on."""
        if key.lower() not in KEYS:
            raise InvalidArgument(f"key: {key!r} is neither Primary nor Secondary", field="key")
        request = inference_service_pb2.RegenerateEndpointKeyRequest(name=self.resource_name, key=KEYS[key.lower()])
        keys = self.workspace.connection.endpoints.RegenerateEndpointKey(request)
        self._key = None
        return keys.primary_key, keys.secondary_key

    def get_logs(self) -> str:
        """Return what it and its replica have logged so far."""
        return b"".join(self.follow_log(follow=False)).decode(errors="replace")

    def follow_log(self, *, offset: int = 0, follow: bool = True) -> Iterator[bytes]:
        """Yield the log's bytes from `offset`; with `follow` as it grows, until the endpoint is deleted."""
        stub, name = self.workspace.connection.endpoints, self.resource_name

        def open_at(position: int) -> Iterable[LogChunk]:
            request = inference_service_pb2.ReadEndpointLogRequest(name=name, offset=position, follow=follow)
            return stub.ReadEndpointLog(request)

        return read_log(open_at, offset=offset, follow=follow)

    def get_statistics(self) -> dict[str, Any]:
        """Return how it was asked and has answered; see `orris.sdk.statistics`."""
        return endpoint_statistics(self.workspace.connection, self.resource_name)

    def delete(self) -> None:
        """Delete it: it stops answering."""
        request = inference_service_pb2.DeleteEndpointRequest(name=self.resource_name)
        self.workspace.connection.endpoints.DeleteEndpoint(request)

    def serialize(self) -> dict[str, Any]:
        """Return what is known of it, under Azure's keys."""
        return {
            "name": self.name,
            "description": self.description,
            "tags": self.tags,
            "state": self.state,
            "error": self.error or None,
            "createdTime": utc_text(self.message.create_time),
            "updatedTime": utc_text(self.message.update_time),
            "scoringUri": self.scoring_uri,
            "swaggerUri": self.swagger_uri,
            "authEnabled": self.auth_enabled,
            "modelIds": self.model_ids,
            "entryScript": self.entry_script,
            "backend": self.backend,
            "methods": self.methods,
            "v2ModelName": self.message.v2_model_name or None,
            "isolation": isolation_name(self.message.isolation),
            "resources": resources_details(self.message.resources),
        }

    def __repr__(self) -> str:
        return f"Endpoint(name={self.name!r}, state={self.state!r})"


Webservice = Endpoint


def _model_id(resource: str) -> str:
    parts = resource.split("/")
    return f"{parts[3]}:{parts[5]}" if len(parts) == 6 else ""


def _fetch(workspace: Workspace, resource: str) -> inference_pb2.Endpoint:
    request = inference_service_pb2.GetEndpointRequest(name=resource)
    return workspace.connection.endpoints.GetEndpoint(request).endpoint
