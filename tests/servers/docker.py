"""A real Docker Engine of the tests' own: `dockerd` with its own data, socket and network, beside any other.

It changes none of the machine's firewall rules but for two, which let its containers out; those go with it.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.programs import Program

if TYPE_CHECKING:
    from docker import DockerClient

BASE_IMAGE = "orris-base:bookworm"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")


def base_archive() -> Path:
    """Return the base image that `deploy/debian/base-image` made, and CI keeps."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return Path(os.environ.get("ORRIS_TEST_BASE_IMAGE") or cache / "orris-ci" / "base.tar")


def missing() -> str | None:
    """Say what an engine needs that is not here."""
    for name in ("dockerd", "containerd", "runc", "ip", "iptables"):
        if shutil.which(name) is None:
            return f"no {name} on PATH"
    if os.geteuid() != 0:
        return "an engine needs root"
    if not base_archive().is_file():
        return f"no base image: deploy/debian/base-image {base_archive()}"
    return None


class Engine:
    """An engine that can be stopped and started again, with its images and without its containers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self.log = folder / "log"
        number = _free_number()
        self.bridge = f"orris-{number}"
        # Of the range for benchmarks (RFC 2544), which no machine's own network has.
        self.gateway = f"198.18.{number}.1"  # what containers reach this machine by
        self._subnets = (f"198.18.{number}.0/24", f"198.19.{number}.0/24")  # of the bridge, and of all other networks
        self._program: Program | None = None

    @property
    def host(self) -> str:
        """Return what DOCKER_HOST must be."""
        return f"unix://{self.socket}"

    @cached_property
    def client(self) -> DockerClient:
        """A client of the docker SDK."""
        from docker import DockerClient

        return DockerClient(base_url=self.host, timeout=120)

    def containers_of_builds(self) -> list[str]:
        """Return the ids of the containers that are not an agent's: those may wait for runs."""
        return [each["Id"] for each in self.client.api.containers(all=True) if "io.orris.agent" not in each["Labels"]]

    def start(self, *options: str) -> None:
        """Start it, and wait until it answers."""
        argv = [
            "dockerd",
            f"--host={self.host}",
            f"--data-root={self.folder / 'data'}",
            f"--exec-root={self.folder / 'exec'}",
            f"--pidfile={self.folder / 'pid'}",
            f"--bridge={self.bridge}",
            f"--default-address-pool=base={self._subnets[1]},size=27",
            "--iptables=false",
            "--ip-forward=false",
            "--group=root",
            *options,
        ]
        self._program = Program(argv, {}, self.log, self._answers)
        self._program.start()

    def stop(self) -> None:
        """End it, and its containers with it."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, as a crash does; its containers go on."""
        self._end(signal.SIGKILL)
        (self.folder / "pid").unlink(missing_ok=True)
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)

    def _end(self, how: signal.Signals) -> None:
        """Signal the engine, which ends its containerd in good time; then whatever of both is left."""
        program, self._program = self._program, None
        if program is None:
            return
        if how is signal.SIGTERM:
            pid = int((self.folder / "pid").read_text())
            os.kill(pid, how)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        program.stop()

    def _answers(self) -> bool:
        from docker.errors import DockerException

        try:
            return bool(self.client.ping())
        except (DockerException, OSError):
            return False

    @contextmanager
    def network(self) -> Iterator[None]:
        """Have a bridge for the containers, and let them out."""
        ways_out = [("POSTROUTING", "-s", net, "!", "-d", net, "-j", "MASQUERADE") for net in self._subnets]
        forwarded = FORWARDING.read_text()
        _run("ip", "link", "add", self.bridge, "type", "bridge")
        try:
            _run("ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge)
            _run("ip", "link", "set", self.bridge, "up")
            for way in ways_out:
                _run("iptables", "-t", "nat", "-A", *way)
            FORWARDING.write_text("1")
            yield
        finally:
            close = [("iptables", "-t", "nat", "-D", *way) for way in ways_out]
            for undo in (*close, ("ip", "link", "delete", self.bridge)):
                with suppress(subprocess.CalledProcessError):
                    _run(*undo)
            if not any(Path("/sys/class/net").glob("orris-*")):  # else it is another engine's, in another test run
                FORWARDING.write_text(forwarded)


@contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """Run an engine over `folder` that has the base image."""
    made = Engine(folder)
    with made.network():
        made.start()
        try:
            made.client.api.import_image(src=str(base_archive()), repository="orris-base", tag="bookworm")
            yield made
            for container in made.client.containers.list(all=True, ignore_removed=True):
                container.remove(force=True)
        finally:
            made.client.close()
            made.stop()
            _unmount(folder)


def _unmount(folder: Path) -> None:
    """Undo the mounts that an engine which was killed has left: pytest removes the folder."""
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for each in sorted((path for path in mounted if path.startswith(f"{folder}/")), reverse=True):
        subprocess.run(["umount", "--lazy", each], check=False)


def _free_number() -> int:
    """Return one that no other engine's bridge has, nor one that a test run which was killed has left."""
    taken = {path.name for path in Path("/sys/class/net").glob("orris-*")}
    return secrets.choice([number for number in range(256) if f"orris-{number}" not in taken])


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True)
