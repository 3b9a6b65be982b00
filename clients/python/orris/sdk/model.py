"""A registered model: a version of it, its files, and where it came from."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orris.errors import AlreadyExists
from orris.models.v1 import models_pb2, models_service_pb2
from orris.names import ModelName, ModelVersionName, RunName
from orris.sdk import conversion as conversions
from orris.sdk import resource_configuration as resources
from orris.sdk.framework import Framework, framework_name
from orris.sdk.paging import pages
from orris.sdk.progress import bytes_shown
from orris.sdk.spelling import moment
from orris.sdk.streams import watch

if TYPE_CHECKING:
    from orris.sdk.endpoint import Endpoint
    from orris.sdk.environment import Environment
    from orris.sdk.resources import Resources
    from orris.sdk.workspace import Workspace


class Model:
    """A version of a registered model, by default the latest. Raises NotFound."""

    Framework = Framework

    def __init__(self, workspace: Workspace, name: str, version: int | str | None = None) -> None:
        name, _, inline = name.partition(":")
        version = inline or version
        resource = ModelVersionName(workspace.name, name, str(version)) if version else ModelName(workspace.name, name)
        self.workspace = workspace
        self.message = _fetch(workspace, str(resource))

    @classmethod
    def from_message(cls, workspace: Workspace, message: models_pb2.ModelVersion) -> Model:
        """Return the version that a server described."""
        model = cls.__new__(cls)
        model.workspace, model.message = workspace, message
        return model

    @classmethod
    def register(
        cls,
        workspace: Workspace,
        model_path: str | Path,
        model_name: str,
        *,
        environment: Environment | str | None = None,
        show_output: bool = False,
        **options: Any,
    ) -> Model:
        """Upload a file or folder and register it as the next version of `model_name`.

        `environment` is what it was trained in; without one, a scikit-learn model gets this interpreter's packages.
        Options: tags, properties, description, model_framework (see `Model.Framework`), model_framework_version,
        sample_input or sample_input_dataset (rows), resource_configuration. Raises InvalidArgument, BuildFailed.
        """
        from orris.sdk.registration import register_local

        return register_local(
            workspace, model_path, model_name, environment=environment, show_output=show_output, **options
        )

    @classmethod
    def list(
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_id: str | None = None,
        latest: bool = False,
    ) -> builtins.list[Model]:
        """Return all versions of all models, or of one: newest first in a model. `latest` gives one of each model."""
        filters = {"tags": dict(tags or {}), "run": str(RunName(workspace.name, run_id)) if run_id else ""}
        if name:
            found = cls._page(workspace, str(ModelName(workspace.name, name)), filters)
            return [*islice(found, 1)] if latest else [*found]
        newest = cls._page(workspace, workspace.resource_name, filters if latest else {})
        if latest:
            return [*newest]
        return [
            each
            for model in newest
            for each in cls._page(workspace, str(ModelName(workspace.name, model.name)), filters)
        ]

    @classmethod
    def _page(cls, workspace: Workspace, parent: str, filters: Mapping[str, Any]) -> Iterator[Model]:
        request = models_service_pb2.ListModelVersionsRequest(parent=parent, **filters)
        found = pages(workspace.connection.models.ListModelVersions, request, lambda page: page.model_versions)
        return (cls.from_message(workspace, each) for each in found)

    @staticmethod
    def deploy(
        workspace: Workspace,
        name: str,
        models: Sequence[Model],
        inference_config: Any = None,
        deployment_config: Any = None,
        overwrite: bool = False,
        auth_enabled: bool | None = None,
        resources: Resources | None = None,
        isolation: str | None = None,
    ) -> Endpoint:
        """Deploy a model, or a scoring script with its models (`InferenceConfig`), under a name.

        Returns the endpoint at once; wait for it with `wait_for_deployment`. `resources` limit what answers where
        `isolation` is "container". Raises InvalidArgument, AlreadyExists unless `overwrite`.
        """
        from orris.sdk.deployment import deploy

        return deploy(
            workspace, name, models, inference_config, deployment_config, overwrite, auth_enabled, resources, isolation
        )

    @property
    def resource_name(self) -> str:
        return self.message.name

    @property
    def name(self) -> str:
        return ModelVersionName.parse(self.message.name).model

    @property
    def version(self) -> int:
        return int(ModelVersionName.parse(self.message.name).version)

    @property
    def id(self) -> str:
        """`name:version`."""
        return f"{self.name}:{self.version}"

    @property
    def model_framework(self) -> str:
        return framework_name(self.message.framework)

    @property
    def model_framework_version(self) -> str | None:
        """The version that was claimed at registration."""
        return self.message.framework_version or None

    @property
    def recorded_framework_version(self) -> str | None:
        """The version in the environment that made the model: what it is served with."""
        return self.message.recorded_framework_version or None

    @property
    def description(self) -> str | None:
        return self.message.description or None

    @property
    def tags(self) -> dict[str, str]:
        return dict(self.message.tags)

    @property
    def properties(self) -> dict[str, str]:
        return dict(self.message.properties)

    @property
    def run_id(self) -> str | None:
        return self.message.run.rpartition("/")[2] or None

    @property
    def experiment_name(self) -> str | None:
        return self.message.experiment.rpartition("/")[2] or None

    @property
    def created_by(self) -> str:
        return self.message.created_by

    @property
    def created_time(self) -> datetime | None:
        return moment(self.message.create_time)

    @property
    def resource_configuration(self) -> resources.ResourceConfiguration | None:
        given = self.message.HasField("resource_configuration")
        return resources.from_message(self.message.resource_configuration) if given else None

    @property
    def conversion(self) -> conversions.Conversion:
        """What came of its conversion to ONNX, as last seen."""
        return conversions.from_message(self.message.conversion)

    def refresh(self) -> Model:
        """Ask the server how it stands now, and return it."""
        self.message = _fetch(self.workspace, self.resource_name)
        return self

    def wait_for_conversion(self) -> conversions.Conversion:
        """Wait until its conversion to ONNX is in a final state, and return the report."""
        stub = self.workspace.connection.models
        request = models_service_pb2.WatchModelVersionRequest(name=self.resource_name)
        for message in watch(
            lambda: stub.WatchModelVersion(request),
            lambda message: message.model_version.conversion.state in conversions.FINAL,
        ):
            self.message = message.model_version
        return self.conversion

    def update(
        self,
        tags: Mapping[str, object] | None = None,
        description: str | None = None,
        remove_tags: Sequence[str] = (),
        properties: Mapping[str, object] | None = None,
    ) -> None:
        """Set and remove tags, set properties, change the description.

        Raises FailedPrecondition when a property has another value already: they never change.
        """
        request = models_service_pb2.UpdateModelVersionRequest(
            name=self.resource_name,
            description=description,
            set_tags={key: str(value) for key, value in (tags or {}).items()},
            remove_tags=remove_tags,
            set_properties={key: str(value) for key, value in (properties or {}).items()},
        )
        self.message = self.workspace.connection.models.UpdateModelVersion(request).model_version

    def download(self, target_dir: str | Path = ".", exist_ok: bool = False) -> str:
        """Save its files into a folder; return the path of the main file, or the folder where there are several.

        Raises AlreadyExists when one of them is there, unless `exist_ok`.
        """
        into, transfer = Path(target_dir), self.workspace.transfer
        names = [entry.path for entry in transfer.entries(self.message.tree)]
        there = [name for name in names if (into / name).exists()]
        if there and not exist_ok:
            raise AlreadyExists(f"{into / there[0]} exists already: use another folder, or exist_ok=True")
        with bytes_shown("Downloading the model") as progress:
            transfer.download(self.message.tree, into, progress=progress)
        return str(into / self.message.file) if self.message.file else str(into)

    def delete(self) -> None:
        """Delete this version. Raises FailedPrecondition when an endpoint serves it."""
        request = models_service_pb2.DeleteModelVersionRequest(name=self.resource_name)
        self.workspace.connection.models.DeleteModelVersion(request)

    def __repr__(self) -> str:
        return f"Model(id={self.id!r}, framework={self.model_framework!r})"


def _fetch(workspace: Workspace, resource: str) -> models_pb2.ModelVersion:
    request = models_service_pb2.GetModelVersionRequest(name=resource)
    return workspace.connection.models.GetModelVersion(request).model_version
