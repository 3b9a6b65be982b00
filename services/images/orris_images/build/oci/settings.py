"""What the makers of container images are told."""

from __future__ import annotations

from dataclasses import dataclass, field

from orris_images.build.oci.names import registry_of


@dataclass(frozen=True)
class OciSettings:
    """The base images to choose from, and the registry (`host:port/prefix`, empty for none) with its credentials.

    `endpoint` is where this machine reaches the registry, if not by its name: engines may know it by another address.
    `insecure` allows plain http beyond loopback; `layer_cache_size` is in bytes. Images with
    bytecode are larger and start in a third of the time.
    """

    base_images: tuple[str, ...]
    registry: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    endpoint: str = ""
    insecure: bool = False
    layer_cache_size: int = 4 * 1024**3
    compile_bytecode: bool = True

    @property
    def host(self) -> str:
        """Host and port of the registry."""
        return self.registry.partition("/")[0]

    @property
    def repository(self) -> str:
        """The name of all images within the registry."""
        prefix = self.registry.partition("/")[2].strip("/")
        return f"{prefix}/environments" if prefix else "environments"

    def credentials_for(self, host: str) -> dict[str, str] | None:
        """Return what the engine needs to speak to a registry; the credentials of ours are for no other."""
        if self.username and host == self.host and registry_of(f"{host}/x") == host:
            return {"username": self.username, "password": self.password}
        return None
