"""How a client finds its Orris: an address, a token, and the stubs of the services behind it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from orris.errors import Unauthenticated, Unavailable
from orris.sdk.instance import find_instance
from orris.sdk.recent_trees import RecentTrees

if TYPE_CHECKING:
    from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
    from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
    from orris.images.v1.images_service_pb2_grpc import ImageServiceStub
    from orris.inference.v1.inference_service_pb2_grpc import EndpointServiceStub
    from orris.models.v1.models_service_pb2_grpc import ModelServiceStub
    from orris.runs.v1.agents_service_pb2_grpc import AgentServiceStub
    from orris.runs.v1.pools_service_pb2_grpc import PoolServiceStub
    from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub
    from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceStub
    from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceStub

NO_INSTANCE = "no Orris is running here: start one with `orris up`, or set ORRIS_ADDRESS"
NOUNS = ("ARTIFACTS", "IMAGES", "RUNS", "MODELS", "INFERENCE")

# gRPC would report each fork of a notebook or joblib on standard error. It reads this when it is imported, after this.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

StubT = TypeVar("StubT")


class Connection:
    """An Orris and who calls it. Costs nothing until the first call; the channel is shared in the process.

    `address` is `host:port`, `[::1]:port`, `unix:/path`, or `https://host:port` for TLS.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address
        self.token = token
        self._stubs: dict[tuple[int, type], Any] = {}
        self.recent_trees = RecentTrees()

    @classmethod
    def find(cls, address: str | None = None) -> Connection:
        """Return the connection to `address`, else to ORRIS_ADDRESS, else to the instance that runs here.

        Where none of them is given, ORRIS_<NOUN>_ADDRESS says for each service where it is.

        The token is ORRIS_TOKEN, else what is in the file ORRIS_TOKEN_FILE, else the local instance's, which no
        other address ever gets to see. Raises Unavailable when there is no instance, Unauthenticated when a token
        file cannot be read.
        """
        instance = find_instance()
        address = address or os.environ.get("ORRIS_ADDRESS")
        if address is None or address == "":
            if instance is None and not any(map(_address_of, NOUNS)):
                raise Unavailable(NO_INSTANCE, reason="NO_INSTANCE")
            address = "" if instance is None else instance.address
        token = os.environ.get("ORRIS_TOKEN")
        if not token and (file := os.environ.get("ORRIS_TOKEN_FILE")):
            token = _read_token(Path(file), "ORRIS_TOKEN_FILE")
        elif not token and instance is not None and _goes_to(instance.address, address):
            token = _read_token(instance.token_file, "the token file of the instance running here")
        return cls(address, token or None)

    @property
    def runs(self) -> RunServiceStub:
        from orris.runs.v1.runs_service_pb2_grpc import RunServiceStub

        return self._stub(RunServiceStub, "RUNS")

    @property
    def sweeps(self) -> SweepServiceStub:
        from orris.runs.v1.sweeps_service_pb2_grpc import SweepServiceStub

        return self._stub(SweepServiceStub, "RUNS")

    @property
    def workspaces(self) -> WorkspaceServiceStub:
        from orris.runs.v1.workspaces_service_pb2_grpc import WorkspaceServiceStub

        return self._stub(WorkspaceServiceStub, "RUNS")

    @property
    def agents(self) -> AgentServiceStub:
        from orris.runs.v1.agents_service_pb2_grpc import AgentServiceStub

        return self._stub(AgentServiceStub, "RUNS")

    @property
    def pools(self) -> PoolServiceStub:
        from orris.runs.v1.pools_service_pb2_grpc import PoolServiceStub

        return self._stub(PoolServiceStub, "RUNS")

    @property
    def images(self) -> ImageServiceStub:
        from orris.images.v1.images_service_pb2_grpc import ImageServiceStub

        return self._stub(ImageServiceStub, "IMAGES")

    @property
    def artifacts(self) -> ArtifactServiceStub:
        from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub

        return self._stub(ArtifactServiceStub, "ARTIFACTS")

    @property
    def data(self) -> DataServiceStub:
        from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub

        return self._stub(DataServiceStub, "ARTIFACTS")

    @property
    def models(self) -> ModelServiceStub:
        from orris.models.v1.models_service_pb2_grpc import ModelServiceStub

        return self._stub(ModelServiceStub, "MODELS")

    @property
    def endpoints(self) -> EndpointServiceStub:
        from orris.inference.v1.inference_service_pb2_grpc import EndpointServiceStub

        return self._stub(EndpointServiceStub, "INFERENCE")

    def _stub(self, kind: type[StubT], noun: str) -> StubT:
        """Return the stub, on the address that ORRIS_<NOUN>_ADDRESS gives, else on this connection's."""
        from orris.sdk.channel import shared_channel

        # A channel does not survive a fork: a child process makes its own.
        key = (os.getpid(), kind)
        if key not in self._stubs:
            address = _address_of(noun) or self.address
            if not address:
                raise Unavailable(f"set ORRIS_{noun}_ADDRESS, or ORRIS_ADDRESS for all services", reason="NO_INSTANCE")
            make: Any = kind
            self._stubs[key] = make(shared_channel(address, self.token))
        stub: StubT = self._stubs[key]
        return stub

    def __repr__(self) -> str:
        return f"Connection({self.address!r})"


def _goes_to(only: str, address: str) -> bool:
    """Tell whether no service is called elsewhere than at one address."""
    return all(each == only for each in (address, *filter(None, map(_address_of, NOUNS))))


def _address_of(noun: str) -> str:
    return os.environ.get(f"ORRIS_{noun}_ADDRESS", "")


def _read_token(path: Path, what: str) -> str:
    try:
        return path.expanduser().read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Unauthenticated(f"{what} cannot be read: {path}: {error}", reason="NO_TOKEN") from error
