"""A real container registry: Debian's `docker-registry`, on a free port of loopback, with a password nobody knows."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bcrypt
import requests

from tests.servers.programs import Program, free_ports


@dataclass
class Registry:
    """A registry as a test sees it; it can be stopped and started again. Its data are in `folder`."""

    port: int
    username: str
    password: str
    folder: Path
    program: Program

    @property
    def address(self) -> str:
        """Its part of an image's reference."""
        return f"127.0.0.1:{self.port}"

    def environment(self, prefix: str) -> dict[str, str]:
        """Return the settings of an images service or agent that uses it: `prefix` is ORRIS_IMAGES or ORRIS_AGENT."""
        return {
            f"{prefix}_REGISTRY": f"{self.address}/orris",
            f"{prefix}_REGISTRY_USERNAME": self.username,
            f"{prefix}_REGISTRY_PASSWORD": self.password,
        }

    def get(self, path: str, accept: str = "application/json") -> requests.Response:
        """Ask the registry's API, for example for `orris/environments/manifests/<digest>`."""
        url = f"http://{self.address}/v2/{path}"
        return requests.get(url, auth=(self.username, self.password), headers={"Accept": accept}, timeout=20)


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Run a registry over `folder`."""
    (port,) = free_ports(1)
    username, password = "orris", secrets.token_urlsafe(16)
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{username}:{hashed}\n")
    settings = {
        "version": "0.1",
        "log": {"level": "info"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
        "auth": {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(settings))  # JSON is YAML
    program = Program(
        ["docker-registry", "serve", str(folder / "config.yml")], {}, folder / "log", lambda: _answers(port)
    )
    program.start()
    try:
        yield Registry(port, username, password, folder, program)
    finally:
        program.stop()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/v2/", timeout=5).status_code == 401
    except requests.ConnectionError:
        return False
