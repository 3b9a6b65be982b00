"""A real Ray cluster on this machine that grows and shrinks: bound to loopback, with a token that nobody knows."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orris_kit.ray_versions import RayVersions
from tests.servers.programs import free_ports

NODES = Path(__file__).parent / "ray_nodes"
RESOURCE = "orris"
HEAD_HOST = "127.0.0.2"  # loopback; 127.0.0.1 Ray takes for the machine's address in the network
MOST_NODES = 3
_HEAD_ID = "f" * 51 + "00000"
_EMPTY_COMMANDS = (
    "initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands",
    "head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude", "rsync_filter",
)  # fmt: skip
# The head, which does not begin machines elsewhere, and its autoscaler.
_OF_THE_HEAD = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": _HEAD_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": _HEAD_ID,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    "PYTHONPATH": str(NODES),
}
# A machine whose raylet is gone refuses to be asked, and is noticed within seconds; one that merely gets no processor
# has most of a minute.
_QUICK = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 1000,
    "health_check_timeout_ms": 10000,
    "health_check_failure_threshold": 4,
}


def ray_python() -> Path | None:
    """Return the interpreter of the Ray on PATH, None without one."""
    found = shutil.which("ray")
    return Path(found).resolve().parent / "python" if found else None


def ray_versions() -> RayVersions:
    """Return the versions of the Ray on PATH."""
    program = (
        "import platform; from importlib.metadata import version; print(version('ray'), platform.python_version())"
    )
    python = ray_python()
    assert python is not None, "mark the test with needs('ray')"
    said = subprocess.run([python, "-I", "-c", program], capture_output=True, text=True, check=True)
    return RayVersions(*said.stdout.split())


@dataclass
class RayCluster:
    """A cluster as a test sees it: its head's machine, which runs nothing, and up to three that take an agent each.

    `folder` is Ray's own. Its name is short: there are sockets in it.
    """

    folder: Path
    python: Path
    port: int
    dashboard_port: int = 0
    token: str = field(default_factory=lambda: secrets.token_hex(32))
    _head: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where its head listens."""
        return f"{HEAD_HOST}:{self.port}"

    @property
    def dashboard(self) -> str:
        """Where it takes jobs of its own, if it has a dashboard."""
        return f"http://{HEAD_HOST}:{self.dashboard_port}"

    @property
    def token_file(self) -> Path:
        """Its token, for those who may call."""
        return self.folder / "token"

    def start(self) -> None:
        """Start the head. Raises RuntimeError with what it said."""
        self.folder.mkdir(exist_ok=True)
        self.token_file.write_text(self.token)
        config = self.folder / "autoscaling.json"
        config.write_text(json.dumps(_autoscaling(self.address)))
        self._head = self._started("head", self._command(config), **_OF_THE_HEAD)

    @contextmanager
    def joined(self, cpus: int, before: Sequence[str] = (), **variables: str) -> Iterator[Callable[[], None]]:
        """Let a machine join that has processors and no agent; yield what kills it: its raylet, for the cluster.

        before: what its `ray start` is started by. variables: what its workers have in their environment.
        """
        command = [
            *before, str(self.python.with_name("ray")), "start", f"--address={self.address}", f"--num-cpus={cpus}",
            "--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0",
            "--dashboard-agent-listen-port=0", "--object-store-memory=80000000", "--disable-usage-stats",
        ]  # fmt: skip
        machine = self._started("machine", command, **variables)

        def kill() -> None:
            (raylet,) = (pid for pid in _descendants(machine.pid) if "raylet/raylet" in _read(pid, "cmdline"))
            os.kill(raylet, signal.SIGKILL)

        try:
            yield kill
        finally:
            machine.communicate()

    def stop(self) -> None:
        """End every process of the cluster."""
        if self._head is not None:
            self._head.communicate()
            self._head = None

    def processes(self, *words: str) -> list[int]:
        """Return the processes of the cluster whose command lines have all these words."""
        assert self._head is not None
        return [pid for pid in _descendants(self._head.pid) if all(word in _read(pid, "cmdline") for word in words)]

    def kill_keeper(self, agent: int) -> None:
        """Kill the process of Ray that keeps an agent."""
        os.kill(_parent(agent), signal.SIGKILL)

    def kill_machine(self, agent: int) -> None:
        """Kill the raylet of an agent: its machine is gone for the cluster."""
        os.kill(_parent(_parent(agent)), signal.SIGKILL)

    def agents(self, home: Path) -> list[int]:
        """Return the processes of agents whose things are in a folder, or below it."""
        return [pid for pid in self.processes("orris_agent --until-eof") if str(home) in _read(pid, "environ")]

    def _started(self, name: str, command: Sequence[str], **variables: str) -> subprocess.Popen[bytes]:
        """Return what holds a machine of the cluster, which ends with its input. Raises RuntimeError: what it said."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as said:
            machine = subprocess.Popen(
                [sys.executable, str(NODES / "head.py"), *command],
                env={**self.environment(), **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        assert machine.stdout is not None
        for line in machine.stdout:
            if line == b"ready\n":
                return machine
        machine.communicate()
        raise RuntimeError(f"no Ray {name}:\n{log.read_text(errors='replace')[-3000:]}")

    def _command(self, config: Path) -> Sequence[str]:
        return [
            str(self.python.with_name("ray")), "start", "--head", f"--autoscaling-config={config}",
            f"--node-ip-address={HEAD_HOST}", f"--port={self.port}", "--num-cpus=0",
            f"--include-dashboard={'true' if self.dashboard_port else 'false'}", f"--dashboard-host={HEAD_HOST}",
            f"--dashboard-port={self.dashboard_port or 8265}", "--dashboard-agent-listen-port=0",
            f"--ray-client-server-port={free_ports(1)[0]}",
            "--object-store-memory=80000000", f"--temp-dir={self.folder / 'ray'}", "--disable-usage-stats",
            f"--system-config={json.dumps(_QUICK)}",
        ]  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return the variables of its programs, its token among them."""
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("RAY_", "ORRIS_", "PYTHON"))}
        return kept | {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": self.token}


@contextmanager
def ray_cluster(dashboard: bool = False) -> Iterator[RayCluster]:
    """Run a cluster; one with a dashboard takes jobs of Ray's own."""
    python = ray_python()
    assert python is not None, "mark the test with needs('ray')"
    with tempfile.TemporaryDirectory(prefix="orris-ray-", ignore_cleanup_errors=True) as folder:
        port, dashboard_port = free_ports(2)
        cluster = RayCluster(Path(folder), python, port, dashboard_port if dashboard else 0)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def _autoscaling(address: str) -> dict[str, object]:
    provider = {
        "type": "external",
        "module": "one_machine.OneMachine",
        "gcs_address": address,
        "use_node_id_as_ip": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "launch_multiple": True,
        "head_node_id": _HEAD_ID,
    }
    machine = {"resources": {"CPU": 1, RESOURCE: 1, "object_store_memory": 80_000_000}, "node_config": {}}
    return {
        "cluster_name": "orris-tests",
        "max_workers": MOST_NODES,
        "idle_timeout_minutes": 0.05,
        "upscaling_speed": 10,
        "provider": provider,
        "auth": {},
        "docker": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "machine": {**machine, "min_workers": 0, "max_workers": MOST_NODES},
        },
        **{name: [] for name in _EMPTY_COMMANDS},
    }


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _parent(pid: int) -> int:
    return int(_read(pid, "stat").rpartition(")")[2].split()[1])


def _read(pid: int, file: str) -> str:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
