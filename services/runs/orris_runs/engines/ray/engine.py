"""The engine that has Ray keep agents alive."""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from orris_kit.ray_versions import RayVersions
from orris_runs.engines.port import EngineNode, EngineUnavailable, NodePhase, NodeRequest, Surroundings
from orris_runs.engines.ray.config import PoolOptions, RaySettings, pool_options
from orris_runs.engines.ray.conversation import Conversation

CLUSTER_SIDE = Path(__file__).parent / "cluster_side" / "__main__.py"


class RayEngine:
    """Nodes are detached actors that keep an agent each (`cluster_side/agent_actor.py`).

    Ray is asked for one of a custom resource for each, of which a machine has one: so a machine has one agent, and the
    autoscaler brings one more where none is free. Which cluster a pool is on is kept in the home: `nodes` is asked of a
    pool's name alone, by the next process too.
    """

    def __init__(self, surroundings: Surroundings, settings: RaySettings) -> None:
        self._surroundings = surroundings
        self._settings = settings
        self._environ = settings.environment(surroundings.environment)
        self._clusters: dict[str, Conversation] = {}
        self._folder = surroundings.home / "engines" / "ray"

    def start(self, request: NodeRequest) -> None:
        """Ask for an actor. Raises InvalidArgument (what the pool says to Ray)."""
        options = pool_options(request.options, self._settings.address)
        self._keep_address(request.pool, options)
        order = {
            "id": request.id,
            "pool": request.pool,
            "cpus": request.cpus,
            "memory_bytes": request.memory_bytes,
            "slots": request.slots,
            "resource": options.resource,
            "python": options.python,
            "folder": options.folder,
            "processors": options.processors,
            "settings": dict(self._surroundings.settings),
            "token": self._token(),
        }
        self._cluster(options.address).ask("start", prefix=self._prefix(request.pool), order=order)

    def stop(self, pool: str, node_id: str) -> None:
        """End an actor, its agent, and what that runs."""
        if address := self._address(pool):
            self._cluster(address).ask("stop", name=self._prefix(pool) + node_id)

    def nodes(self, pool: str) -> list[EngineNode]:
        """Return the nodes that the cluster knows."""
        if not (address := self._address(pool)):
            return []
        told = self._cluster(address).ask("nodes", prefix=self._prefix(pool))
        if not told:
            (self._folder / f"{pool}.json").unlink(missing_ok=True)  # nothing of this pool is on the cluster
        return [EngineNode(one["id"], NodePhase(one["phase"]), one["message"], one["host"]) for one in told]

    def ray(self, options: Mapping[str, str]) -> RayVersions:
        """Return the cluster's versions. Raises InvalidArgument (what the pool says to Ray)."""
        address = pool_options(options, self._settings.address).address
        return RayVersions(**self._cluster(address).ask("versions"))

    def end_all(self) -> None:
        """End all that was started for this home, of pools that are no more as well.

        Raises EngineUnavailable: some clusters cannot be asked; what they are and why.
        """
        kept = [json.loads(file.read_bytes())["address"] for file in self._folder.glob("*.json")]
        problems = []
        for address in sorted(set(kept)):
            try:
                self._cluster(address).ask("stop_all", prefix=f"{self._installation()}/")
            except EngineUnavailable as problem:
                problems.append(
                    f"agents of this instance may go on on the Ray cluster at {address} ({problem.message})"
                )
        if problems:
            what = "start the instance again when the cluster answers, and delete the pool; or end the cluster"
            raise EngineUnavailable("; ".join([*problems, what]))

    def close(self) -> None:
        """End the connections; the actors are detached from them."""
        for cluster in self._clusters.values():
            cluster.close()

    def _cluster(self, address: str) -> Conversation:
        argv = [str(self._settings.python), "-I", str(CLUSTER_SIDE), address]
        made = Conversation(argv, self._environ, self._settings.call_seconds)
        return self._clusters.setdefault(address, made)

    def _prefix(self, pool: str) -> str:
        """Return how the actors of a pool are named in a cluster that several installations may use."""
        return f"{self._installation()}/{pool}/"

    def _installation(self) -> str:
        """Return the id of this home, which is made when it is first needed."""
        file = self._folder / "installation"
        if not file.exists():
            made = self._written(secrets.token_hex(8))
            with contextlib.suppress(FileExistsError):  # another pool has made one
                file.hardlink_to(made)
            made.unlink()
        return file.read_text(encoding="ascii")

    def _token(self) -> str:
        try:
            return self._surroundings.agent_token.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise EngineUnavailable(f"the agents' token cannot be read: {error}") from error

    def _address(self, pool: str) -> str:
        try:
            return str(json.loads((self._folder / f"{pool}.json").read_bytes())["address"])
        except FileNotFoundError:
            return ""

    def _keep_address(self, pool: str, options: PoolOptions) -> None:
        if self._address(pool) == options.address:
            return
        self._written(json.dumps(asdict(options))).replace(self._folder / f"{pool}.json")

    def _written(self, text: str) -> Path:
        """Return a new file with some text, under a name that nobody looks for."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / f".{secrets.token_hex(8)}"
        file.write_text(text, encoding="utf-8")
        return file
