"""Container images for tests: a builder over an engine and a registry, and looks into what it made."""

from __future__ import annotations

import io
import json
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import requests

from orris_images.build.oci.builder import OciBuilder
from orris_images.build.oci.pythons import BasePythons
from orris_images.build.oci.settings import OciSettings
from orris_images.contexts import Contexts
from orris_images.interpreters import Interpreters
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from tests.servers.docker import BASE_IMAGE, Engine
from tests.servers.registry import Registry


def environ_of(engine: Engine) -> dict[str, str]:
    """Return this process's environment, with the way to an engine."""
    return {**os.environ, "DOCKER_HOST": engine.host}


class Maker:
    """A builder with a home of its own, what it says, and how far it is."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        registry: Registry | None,
        contexts: Contexts | None = None,
        **settings: Any,
    ) -> None:
        self.engine, self.registry = engine, registry
        if registry is not None:
            where = {"registry": f"{registry.address}/orris"}
            settings = {**where, "username": registry.username, "password": registry.password, **settings}
        environ = environ_of(engine)
        self.builder = OciBuilder(
            OciSettings(base_images=(BASE_IMAGE,), **settings),
            folder,
            environ,
            Interpreters(environ, Path(sys.executable)),
            contexts=contexts,
        )
        self.pythons = BasePythons(self.builder.bases)
        self.resolver = UvResolver(environ)
        self.log: list[str] = []
        self.progress: list[tuple[int, str, bool]] = []

    def lock(self, *packages: str, **rest: Any) -> Lock:
        return lock_spec(Spec(packages=packages, **rest), self.pythons, self.resolver, self.log.append)[0]

    def build(self, lock: Lock, cancel: Any = None) -> str:
        """Make an image; return its reference."""
        self.log.clear()
        made = self.builder.build(lock, Path("/usr/bin/python3"), self.log.append, self._told, cancel)
        assert made.size > 0
        return made.reference

    def run(self, reference: str, *command: str, **options: Any) -> str:
        """Run a command in a container of an image, pulled where the engine does not have it."""
        client = self.engine.client
        if "@" in reference and self.registry is not None:
            name, _, digest = reference.partition("@")
            credentials = {"username": self.registry.username, "password": self.registry.password}
            client.images.pull(name, tag=digest, auth_config=credentials)
        output: bytes = client.containers.run(reference, list(command), remove=True, network_disabled=True, **options)
        return output.decode().strip()

    def forget(self, *references: str) -> None:
        """Let the engine be one that never had these images."""
        for each in references:
            self.engine.client.images.remove(each, force=True)

    def _told(self, percent: int, doing: str, *, pushing: bool = False) -> None:
        self.progress.append((percent, doing, pushing))


def manifest_of(registry: Registry, reference: str) -> dict[str, Any]:
    """Return the manifest of an image as the registry has it."""
    digest = reference.partition("@")[2]
    answer = registry.get(f"orris/environments/manifests/{digest}", "application/vnd.oci.image.manifest.v1+json")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def blob_of(registry: Registry, digest: str) -> bytes:
    """Return a blob as the registry has it."""
    answer: requests.Response = registry.get(f"orris/environments/blobs/{digest}")
    assert answer.status_code == 200
    return answer.content


def config_of(registry: Registry, reference: str) -> dict[str, Any]:
    """Return the configuration of an image as the registry has it."""
    found: dict[str, Any] = json.loads(blob_of(registry, manifest_of(registry, reference)["config"]["digest"]))
    return found


def own_layers(registry: Registry, reference: str) -> list[tarfile.TarFile]:
    """Return the layers of an image above its base, from the bottom up."""
    layers = [each for each in manifest_of(registry, reference)["layers"] if each["mediaType"].endswith(".tar")]
    return [tarfile.open(fileobj=io.BytesIO(blob_of(registry, each["digest"]))) for each in layers]


def delete_from(registry: Registry, reference: str) -> None:
    """Delete an image from the registry, behind everybody's back."""
    url = f"http://{registry.address}/v2/orris/environments/manifests/{reference.partition('@')[2]}"
    answer = requests.delete(url, auth=(registry.username, registry.password), timeout=20)
    assert answer.status_code == 202
