"""What runs have in common that one waiting container would do for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.runtimes.docker.container import Container


@dataclass(frozen=True)
class Kind:
    """`image`: as the engine knows it, so that what is in it never changes; `limits`: runs.Resources."""

    image: str
    interpreter: str
    code: Path
    principal: tuple[str, str]
    base: tuple[tuple[str, str], ...]
    imports: frozenset[str]
    limits: bytes
    network_disabled: bool

    @classmethod
    def of(cls, container: Container, image: str, base: Mapping[str, str], imports: frozenset[str]) -> Kind:
        """Return the kind of a run that would get a container."""
        lease, run = container.lease, container.lease.run
        return cls(
            image=image,
            interpreter=lease.image.lock.interpreter,
            code=container.code,
            principal=(run.name.split("/")[1], run.submitted_by),
            base=tuple(sorted(base.items())),
            imports=imports,
            limits=run.resources.SerializeToString(deterministic=True),
            network_disabled=run.network_disabled,
        )

    @property
    def lesson(self) -> str:
        """The name under which is kept what such runs import."""
        content = json.dumps([self.image, sorted(self.imports)])
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    @property
    def memory_limit(self) -> int:
        return self._resources.memory_bytes

    def container(self, folder: RunFolder, agent: str, name: str) -> Container:
        """Return a container of such runs, which waits under a name and has a folder of its own."""
        lease = agents.Lease(
            run=runs.Run(resources=self._resources, network_disabled=self.network_disabled),
            image=images.Image(reference=self.image, lock=images.Lock(interpreter=self.interpreter)),
        )
        return Container(lease, folder, self.code, agent, waiting=name)

    @property
    def _resources(self) -> runs.Resources:
        return runs.Resources.FromString(self.limits)
