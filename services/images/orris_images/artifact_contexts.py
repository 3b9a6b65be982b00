"""The files of Dockerfiles, at the artifacts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orris.artifacts.v1 import artifacts_pb2
from orris.artifacts.v1 import artifacts_service_pb2 as pb
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.names import TreeName
from orris.sdk.channel import shared_channel
from orris.sdk.repeating import repeat


class ArtifactContexts:
    """The adapter. Blocking."""

    def __init__(self, address: str, token: Callable[[], str | None]) -> None:
        self._address, self._token = address, token

    def keep(self, owner: str, tree: str) -> None:
        """Implement Contexts.keep."""
        reference = artifacts_pb2.Reference(owner=owner, trees=[tree])
        request = pb.SetReferenceRequest(parent=TreeName.parse(tree).parent, reference=reference)
        repeat(lambda: self._stub.SetReference(request))

    def release(self, owner: str, tree: str) -> None:
        """Implement Contexts.release."""
        request = pb.DeleteReferenceRequest(parent=TreeName.parse(tree).parent, owner=owner)
        repeat(lambda: self._stub.DeleteReference(request))

    def fetch(self, tree: str, folder: Path) -> None:
        """Implement Contexts.fetch."""
        from orris.sdk.transfer import Transfer

        Transfer(self._stub, TreeName.parse(tree).workspace).download(tree, folder)

    @property
    def _stub(self) -> ArtifactServiceStub:
        return ArtifactServiceStub(shared_channel(self._address, self._token()))
