"""An engine whose machines are what a test says."""

from __future__ import annotations

from collections.abc import Mapping

from orris_kit.ray_versions import RayVersions
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest


class FakeEngine:
    """Notes what it is asked for; nodes are in the phase that they begin in until a test says otherwise."""

    def __init__(self, begins: NodePhase = NodePhase.STARTING) -> None:
        self.begins = begins
        self.requests: dict[str, NodeRequest] = {}
        self.known: dict[str, EngineNode] = {}
        self.away = ""
        self.versions: RayVersions | None = None
        self.closed = False

    def start(self, request: NodeRequest) -> None:
        self._answer()
        self.requests[request.id] = request
        self.known.setdefault(request.id, EngineNode(request.id, self.begins))

    def stop(self, pool: str, node_id: str) -> None:
        self._answer()
        self.known.pop(node_id, None)

    def nodes(self, pool: str) -> list[EngineNode]:
        self._answer()
        return [node for name, node in self.known.items() if self.requests[name].pool == pool]

    def ray(self, options: Mapping[str, str]) -> RayVersions | None:
        self._answer()
        return self.versions

    def close(self) -> None:
        self.closed = True

    def say(self, node_id: str, phase: NodePhase, message: str = "", host: str = "") -> None:
        """Let a node be in another phase."""
        self.known[node_id] = EngineNode(node_id, phase, message, host)

    def _answer(self) -> None:
        if self.away:
            raise EngineUnavailable(self.away)
