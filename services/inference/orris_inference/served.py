"""What a replica serves: how its program is put together, and what speaks to it when it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from orris.errors import FailedPrecondition
from orris_inference.model import Deployment
from orris_inference.outside.artifacts import Artifacts
from orris_inference.outside.models import ModelVersion
from orris_inference.shipping import MODEL_SERVER, worker_files
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris_inference.backends.port import Remote


@dataclass(frozen=True, slots=True)
class Program:
    """What a replica runs: a script of a tree, in an image or else in an environment."""

    snapshot: str
    script: str
    image: str = ""
    environment: str = ""
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    experiment: str = ""


class Served(Protocol):
    """What a deployment serves by replicas."""

    async def program(self) -> Program:
        """Return what a replica runs. Raises FailedPrecondition for what cannot be run."""
        ...

    def backend(self, address: str, secret: str) -> Remote:
        """Return what speaks to a replica at `host:port`."""
        ...


class ServedModel:
    """A registered model, by itself."""

    def __init__(self, artifacts: Artifacts, deployment: Deployment, version: ModelVersion) -> None:
        self._artifacts = artifacts
        self._workspace = deployment.workspace
        self._version = version

    async def program(self) -> Program:
        """Return what a replica runs. Raises FailedPrecondition for a model without an environment."""
        version = self._version
        if not version.image:
            message = (
                "it is not known in which environment the model was made: register it from a run, or with an image"
            )
            raise FailedPrecondition(message, reason="NO_IMAGE")
        folders = [("model", version.tree)]
        arguments = ["--model", f"model/{version.file}" if version.file else "model"]
        if version.snapshot:
            folders.append(("source", version.snapshot))
            arguments += ["--source", "source", *(("--script", version.script) if version.script else ())]
        files = await run_blocking(worker_files)
        return Program(
            await self._artifacts.compose(self._workspace, folders, files),
            MODEL_SERVER,
            image=version.image,
            arguments=tuple(arguments),
            experiment=version.experiment,
        )

    def backend(self, address: str, secret: str) -> Remote:
        """Return what speaks to a replica at `host:port`."""
        from orris_inference.backends.replica import ReplicaBackend

        return ReplicaBackend(address, secret, self._version.signature)
