"""An environment: the packages a script needs, under a name and a version."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from orris.images.v1 import images_pb2, images_service_pb2
from orris.names import EnvironmentName, EnvironmentVersionName, parse_environment
from orris.sdk.environment_spec import Described
from orris.sdk.paging import pages

if TYPE_CHECKING:
    from orris.sdk.build import Build
    from orris.sdk.workspace import Workspace


class Environment(Described):
    """Packages named in code; other ways to say what is needed are the `from_…` methods.

    `pip_packages` are PEP 508 requirements, `conda_packages` conda's, `python_version` may be empty: the one Orris runs
    with. `base_image` is the container image that they are put on, empty for Orris's own choice. All of them may be
    changed; a change after the environment was registered or submitted makes a new version.
    """

    _message: images_pb2.Environment | None = None

    @classmethod
    def get(cls, workspace: Workspace, name: str, version: str | None = None) -> Environment:
        """Return a registered or curated environment, by default its latest version. Raises NotFound."""
        reference = cls.reference(workspace, name if version is None else f"{name}:{version}")
        request = images_service_pb2.GetEnvironmentRequest(name=reference)
        return cls.from_message(workspace.connection.images.GetEnvironment(request).environment)

    @classmethod
    def list(cls, workspace: Workspace, name: str | None = None) -> list[Environment]:
        """Return the latest version of each environment by name, or all versions of one, newest first."""
        parent = cls.reference(workspace, name) if name else workspace.resource_name
        request = images_service_pb2.ListEnvironmentsRequest(parent=parent)
        found = pages(workspace.connection.images.ListEnvironments, request, lambda page: page.environments)
        return [cls.from_message(each) for each in found]

    @classmethod
    def from_message(cls, message: images_pb2.Environment) -> Environment:
        """Return the environment that a server described."""
        environment = cls._of(parse_environment(message.name).environment, message.spec)
        environment._message = message
        return environment

    @staticmethod
    def reference(workspace: Workspace, text: str) -> str:
        """Return the resource name of `NAME` or `NAME:VERSION`."""
        name, colon, version = text.rpartition(":")
        if colon:
            return str(EnvironmentVersionName(workspace.name, name, version))
        return str(EnvironmentName(workspace.name, text))

    @property
    def resource_name(self) -> str:
        """The registered version's resource name; empty before it is registered."""
        return self._message.name if self._message else ""

    @property
    def version(self) -> str | None:
        """The registered version; None before it is registered."""
        parsed = parse_environment(self._message.name) if self._message else None
        return getattr(parsed, "version", None)

    @property
    def image(self) -> str:
        """The image of the latest successful build, as last seen; empty before the first."""
        return self._message.image if self._message else ""

    @property
    def curated(self) -> bool:
        """Whether it comes with Orris."""
        return bool(self._message and self._message.curated)

    def register(self, workspace: Workspace) -> Environment:
        """Register it, which makes a new version if the latest one says otherwise; return itself.

        Raises InvalidArgument when the specification cannot be read.
        """
        request = images_service_pb2.CreateEnvironmentRequest(
            parent=workspace.resource_name,
            environment_id=self.name,
            spec=self._spec_in(workspace),
            request_id=uuid.uuid4().hex,
        )
        self._message = workspace.connection.images.CreateEnvironment(request).environment
        return self

    def ensure_registered(self, workspace: Workspace) -> Environment:
        """Register it unless it is registered in the workspace just as it is now; return itself."""
        known = self._message
        here = known is not None and known.name.startswith(f"{workspace.resource_name}/")
        same = here and known is not None and known.spec == self._spec_in(workspace)
        return self if same else self.register(workspace)

    def build(self, workspace: Workspace, *, refresh: bool = False) -> Build:
        """Ask for its image and return the build, at once. `refresh` chooses versions anew where a lock exists."""
        from orris.sdk.build import Build

        request = images_service_pb2.CreateBuildRequest(
            parent=workspace.resource_name,
            environment=self.ensure_registered(workspace).resource_name,
            refresh=refresh,
            request_id=uuid.uuid4().hex,
        )
        return Build(workspace, workspace.connection.images.CreateBuild(request).build)

    def _spec_in(self, workspace: Workspace) -> images_pb2.EnvironmentSpec:
        """Return what is asked for, with the Dockerfile's files uploaded."""
        from orris.sdk.submission import upload_folder

        spec = self.spec
        if self._context is not None:
            spec.dockerfile.context = upload_folder(workspace, self._context)
        return spec

    def __repr__(self) -> str:
        return f"Environment(name={self.name!r}, version={self.version!r})"
