"""A user's scoring script with its models: checked, kept, put together for a replica."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orris.names import ModelVersionName
from orris_inference.model import Code, Deployment
from orris_inference.outside.artifacts import Artifacts
from orris_inference.outside.images import Environment, Images
from orris_inference.outside.models import Models, ModelVersion
from orris_inference.served import Program
from orris_inference.shipping import SCRIPT_SERVER, scoring_files
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris_inference.backends.port import Remote

APP = "app"
MODELS = "azureml-models"
ENVIRONMENT = "orris-inference"
SCRIPT_LIMIT = 1024 * 1024
# On Azure it comes with azureml-defaults, which is in every environment there. Orris puts it where it is imported.
SCHEMA = "inference-schema"
_IMPORTS_SCHEMA = re.compile(rb"^[ \t]*(?:from|import)[ \t]+inference_schema\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Scripts:
    """What is needed of the neighbours to serve scripts."""

    artifacts: Artifacts
    images: Images
    models: Models

    async def check(self, code: Code) -> None:
        """Raise InvalidArgument where the script is not in its snapshot, NotFound where there is no environment."""
        await self.artifacts.check_file(code.snapshot, code.entry_script, SCRIPT_LIMIT, "endpoint.code.entry_script")
        if code.environment:
            await self.images.environment(code.environment)

    async def keep(self, deployment: Deployment) -> None:
        """Have the script kept for as long as its deployment is there."""
        if deployment.code is not None:
            await self.artifacts.refer(deployment.workspace, deployment.name, [deployment.code.snapshot])

    async def let_go(self, deployment: Deployment) -> None:
        """Have the script kept no longer for this deployment."""
        if deployment.code is not None:
            await self.artifacts.forget(deployment.workspace, deployment.name)


class ServedScript:
    """The script of a deployment. `note` tells the endpoint's log."""

    def __init__(self, scripts: Scripts, deployment: Deployment, note: Callable[[str], Awaitable[None]]) -> None:
        assert deployment.code is not None
        self._scripts = scripts
        self._deployment = deployment
        self._code = deployment.code
        self._note = note

    async def program(self) -> Program:
        """Return what a replica runs. Raises NotFound, FailedPrecondition (BUILD_FAILED)."""
        versions = [await self._scripts.models.get(name) for name in self._deployment.models]
        image, environment = await self._surroundings(versions)
        folders = [(APP, self._code.snapshot)]
        folders += [(f"{APP}/{_folder(version.name)}", version.tree) for version in versions]
        files = await run_blocking(scoring_files)
        only = _folder(versions[0].name) if len(versions) == 1 else MODELS
        azures = {
            "AML_APP_ROOT": APP,
            "AZUREML_ENTRY_SCRIPT": self._code.entry_script,
            "AZUREML_MODEL_DIR": f"./{only}",
            "SERVICE_NAME": self._deployment.endpoint,
        }
        inherited = environment.variables if environment and image else {}  # a run has those of its environment
        return Program(
            await self._scripts.artifacts.compose(self._deployment.workspace, folders, files),
            SCRIPT_SERVER,
            image=image,
            environment="" if image or environment is None else environment.name,
            variables={**inherited, **self._code.variables, **azures},
            experiment=versions[0].experiment if len(versions) == 1 else "",
        )

    def backend(self, address: str, secret: str) -> Remote:
        """Return what speaks to a replica at `host:port`."""
        from orris_inference.backends.script import ScriptBackend

        return ScriptBackend(address, secret)

    async def _surroundings(self, versions: list[ModelVersion]) -> tuple[str, Environment | None]:
        """Return the image to run in, or empty and the environment; of an image that was made for it both."""
        images, environment = self._scripts.images, None
        image = versions[0].image if len(versions) == 1 and not self._code.environment else ""
        if not image:
            named = self._code.environment or f"workspaces/{self._deployment.workspace}/environments/{ENVIRONMENT}"
            environment = await images.environment(named)
        script = await self._scripts.artifacts.read_file(self._code.snapshot, self._code.entry_script)
        if not _IMPORTS_SCHEMA.search(script):
            return image, environment
        own = image
        if environment is not None:
            await self._note(f"Making {environment.name}: the script imports {SCHEMA}, which it may lack.")
            own = await images.make(environment.name)
        if not await images.can_take(own, SCHEMA):
            return image, environment
        await self._note(f"Adding {SCHEMA}, which the script imports.")
        return await images.add(own, SCHEMA), environment


def _folder(model_version: str) -> str:
    name = ModelVersionName.parse(model_version)
    return f"{MODELS}/{name.model}/{name.version}"
