"""The container of a run: what it may and may not, as the engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import INSIDE_CONTROL, INSIDE_RUN, RunFolder
from orris_agent.run_data import RunData

if TYPE_CHECKING:
    from docker import APIClient

ENVIRONMENT_PYTHON = "/opt/orris/environment/bin/python"
INSIDE_CODE = Path("/orris/code")
REPLICA_PORT = 6750
GRAPHICS_LABEL = "io.orris.gpus"
AGENT_LABEL, FOLDER_LABEL, LEASE_LABEL, RUN_LABEL, WAITING_LABEL = (
    f"io.orris.{word}" for word in ("agent", "folder", "lease", "run", "waiting")
)

_PIDS = 4096
_SHARED_MEMORY = 2 * 1024**3
_TEMPORARY = 1024**3
# What a supervisor needs to end a run that ignores SIGTERM, and a margin: the engine kills after that.
_STOP_SECONDS = 10


@dataclass(frozen=True)
class Container:
    """What a run is put into. `network`: the Docker network that replicas join; empty: the engine's default.

    `graphics`: the numbers of the graphics processors that it gets; empty: the engine chooses.
    `waiting`: the name of one that waits for a run, of which `lease` tells only what it must have; empty: it has one.
    """

    lease: agents.Lease
    folder: RunFolder
    code: Path
    agent: str
    network: str = ""
    graphics: tuple[int, ...] = ()
    waiting: str = ""

    @property
    def name(self) -> str:
        return self.waiting or name_of(self.lease.id)

    @property
    def python(self) -> str:
        """The interpreter inside: that of Orris's environment, or whichever a user's image brings."""
        return self.lease.image.lock.interpreter or ENVIRONMENT_PYTHON

    @property
    def data(self) -> RunData:
        return RunData(self.lease.run, self.folder)

    @property
    def is_replica(self) -> bool:
        return self.lease.run.kind == runs.RUN_KIND_REPLICA

    def surrounding(self, image: Mapping[str, Any]) -> dict[str, str]:
        """Return the variables of the image, with a home that the run can write to and a name without an account."""
        declared = image.get("Config", {}).get("Env") or ()
        result = dict(each.split("=", 1) for each in declared if "=" in each)
        result |= {"HOME": str(INSIDE_RUN / "home"), "USER": "orris", "LOGNAME": "orris"}
        return result

    def replica_variables(self) -> dict[str, str]:
        """Return where the worker of a replica must listen: at a port that the engine passes on."""
        if not self.is_replica:
            return {}
        return {"ORRIS_REPLICA_HOST": "0.0.0.0", "ORRIS_REPLICA_PORT": str(REPLICA_PORT)}  # noqa: S104

    def arguments(self, api: APIClient) -> dict[str, Any]:
        """Return what `create_container` is given."""
        program = INSIDE_CODE / "orris_agent" / ("launcher/waiting.py" if self.waiting else "supervisor/__main__.py")
        return {
            "image": self.lease.image.reference,
            "name": self.name,
            "entrypoint": [self.python, "-I", "-S", "-B", str(program), str(INSIDE_RUN), str(INSIDE_CONTROL)],
            "command": [],
            "user": ":".join(map(str, self.folder.owner)),
            "working_dir": "/",
            "labels": self._labels(),
            "ports": [REPLICA_PORT] if self.is_replica else [],
            "healthcheck": {"test": ["NONE"]},
            "stop_timeout": _STOP_SECONDS,
            "host_config": api.create_host_config(**self._host(api)),
        }

    def _labels(self) -> dict[str, str]:
        """Labels stay as they are when a container that waited gets its run: it is known by its name then."""
        labels = {AGENT_LABEL: self.agent, FOLDER_LABEL: str(self.folder.root.absolute())}
        if self.waiting:
            return labels | {WAITING_LABEL: "true"}
        graphics = ",".join(map(str, self.graphics))
        return labels | {LEASE_LABEL: self.lease.id, RUN_LABEL: self.lease.run.name, GRAPHICS_LABEL: graphics}

    def _host(self, api: APIClient) -> dict[str, Any]:
        needs = self.lease.run.resources
        result: dict[str, Any] = {
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "read_only": True,
            "tmpfs": {"/tmp": f"rw,nosuid,nodev,exec,mode=1777,size={_TEMPORARY}"},  # noqa: S108
            "pids_limit": needs.pids or _PIDS,
            "shm_size": needs.shared_memory_bytes or _SHARED_MEMORY,
            "network_mode": self._network_mode(),
            "log_config": {"type": "none", "config": {}},
            "restart_policy": {"Name": "no"},
            "mounts": self._mounts(),
        }
        if needs.cpus:
            result["nano_cpus"] = int(needs.cpus * 1e9)
        if needs.memory_bytes:
            result |= {"mem_limit": needs.memory_bytes, "memswap_limit": needs.memory_bytes}
        if needs.gpus:
            from docker.types import DeviceRequest

            which: dict[str, Any] = (
                {"device_ids": [*map(str, self.graphics)]} if self.graphics else {"count": needs.gpus}
            )
            result["device_requests"] = [DeviceRequest(**which, capabilities=[["gpu"]])]
        if self.is_replica and not self.network:
            result["port_bindings"] = {REPLICA_PORT: ("127.0.0.1", None)}
        return result

    def _network_mode(self) -> str:
        if self.lease.run.network_disabled:
            return "none"
        return (self.network if self.is_replica else "") or "default"

    def _mounts(self) -> list[Any]:
        from docker.types import Mount

        return [
            _bind(Mount, INSIDE_RUN, self.folder.own, writable=True),
            _bind(Mount, INSIDE_CONTROL, self.folder.control),
            _bind(Mount, INSIDE_CODE, self.code),
            *(_bind(Mount, each.inside, each.source, writable=not each.read_only) for each in self.data.bound()),
        ]


def name_of(lease_id: str) -> str:
    """Return the name of a lease's container: whoever creates it a second time finds the first."""
    return "orris-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in lease_id)


def _bind(mount: Any, target: Path, source: Path, *, writable: bool = False) -> Any:
    return mount(str(target), str(source.absolute()), type="bind", read_only=not writable)
