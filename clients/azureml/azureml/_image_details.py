"""What is known of an environment's image, by Azure's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orris.sdk import environment as sdk
from orris.sdk.images import Image

if TYPE_CHECKING:
    from orris.sdk.workspace import Workspace


class DockerImageDetails(dict[str, Any]):
    """An image: a mapping, some of whose values are attributes, too."""

    @property
    def image_exist(self) -> bool:
        """Whether it is there."""
        return bool(self["imageExistsInRegistry"])

    @property
    def image(self) -> str | None:
        """Where the container image is; None where there is none."""
        name = self["dockerImage"]["name"]
        return f"{self.registry}/{name}" if self.registry else name

    @property
    def registry(self) -> str | None:
        """The registry's address."""
        found: str | None = self["dockerImage"]["registry"]["address"]
        return found

    @property
    def repository(self) -> str | None:
        """The image's name in the registry."""
        return (self["dockerImage"]["name"] or "").partition("@")[0] or None

    @property
    def dockerfile(self) -> str | None:
        """The Dockerfile's text; None where Orris made the image of packages."""
        found: str | None = self["ingredients"]["dockerfile"]
        return found

    @property
    def environment_path(self) -> str | None:
        """Where the environment is in the image."""
        found: str | None = self["pythonEnvironment"]["environmentPath"]
        return found

    @property
    def interpreter_path(self) -> str | None:
        """Where the Python is in the image."""
        found: str | None = self["pythonEnvironment"]["interpreterPath"]
        return found


def image_details(workspace: Workspace, environment: sdk.Environment) -> DockerImageDetails:
    """Return what is known of an environment's image."""
    found = sdk.Environment.get(workspace, environment.name, environment.version)
    image = Image.get(workspace, found.image) if found.image else None
    registry, _, name = (image.reference if image else "").partition("/")
    own = image.message.lock.interpreter if image else ""
    place = None if own or not name else "/opt/orris/environment"
    return DockerImageDetails(
        imageExistsInRegistry=image is not None,
        dockerImage={"name": name or registry or None, "registry": {"address": registry if name else None}},
        ingredients={"dockerfile": found.spec.dockerfile.text or None},
        pythonEnvironment={
            "environmentPath": place,
            "interpreterPath": own or (f"{place}/bin/python" if place else None),
        },
    )
