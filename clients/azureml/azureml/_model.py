"""Registered models."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml._errors import translated
from azureml._model_datasets import dataset_ids, datasets_of, with_datasets
from azureml._placeholder import Refusing, refuse_given
from azureml.exceptions import ModelNotFoundException, UserErrorException
from orris.sdk import model as sdk
from orris.sdk.resource_configuration import ResourceConfiguration

if TYPE_CHECKING:
    from azureml._dataset import FileDataset, TabularDataset
    from azureml._webservice import Webservice
    from azureml._workspace import Workspace

__all__ = ["Model", "ResourceConfiguration"]

Tags = Mapping[str, str] | Iterable[str | Sequence[str]] | None


@translated(not_found=ModelNotFoundException)
class Model(Refusing, sdk.Model):
    """A version of a registered model: the newest that fits what is given. Raises ModelNotFoundException."""

    _lacking = """add_dataset_references add_properties create_time deploy_multi_model get_sas_urls package
    print_configuration profile unpack update_tags_properties"""

    def __init__(
        self,
        workspace: Workspace,
        name: str | None = None,
        id: str | None = None,
        tags: Tags = None,
        properties: Tags = None,
        version: int | str | None = None,
        run_id: str | None = None,
        model_framework: str | None = None,
        **_options: Any,
    ) -> None:
        if not (name or id):
            raise UserErrorException("name: give the model's name, or its id (NAME:VERSION)")
        wanted = id or str(name)
        if not (tags or properties or run_id or model_framework):
            super().__init__(workspace, wanted, version)
            return
        found = self.list(
            workspace, wanted.partition(":")[0], tags, properties, run_id, model_framework=model_framework
        )
        fitting = [each for each in found if version is None or each.version == int(version)]
        if not fitting:
            raise ModelNotFoundException(f"ModelNotFound: no version of model {wanted} fits what was asked for")
        self.workspace, self.message = workspace, fitting[0].message

    @classmethod
    def register(  # type: ignore[override]  # Azure's parameters
        cls,
        workspace: Workspace,
        model_path: str | Path,
        model_name: str,
        tags: Mapping[str, object] | None = None,
        properties: Mapping[str, object] | None = None,
        description: str | None = None,
        datasets: Any = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        child_paths: Any = None,
        sample_input_dataset: Any = None,
        sample_output_dataset: Any = None,
        resource_configuration: Any = None,
        **options: Any,
    ) -> Model:
        """Upload a file or folder and register it as the next version of `model_name`.

        Options of Orris: `environment`, in which it was trained (else this interpreter's packages), and `sample_input`.
        """
        refuse_given("Model.register", child_paths=child_paths, sample_output_dataset=sample_output_dataset)
        print(f"Registering model {model_name}", flush=True)
        model = sdk.Model.register(
            workspace,
            model_path,
            model_name,
            tags=tags,
            properties=with_datasets(properties, datasets),
            description=description,
            model_framework=model_framework,
            model_framework_version=model_framework_version,
            sample_input_dataset=sample_input_dataset,
            resource_configuration=resource_configuration,
            **options,
        )
        return cls.from_message(workspace, model.message)

    @classmethod
    def from_message(cls, workspace: Any, message: Any) -> Model:
        """Return the version that a server described."""
        model = cls.__new__(cls)
        model.workspace, model.message = workspace, message
        return model

    @classmethod
    def list(  # type: ignore[override]  # Azure's parameters
        cls,
        workspace: Workspace,
        name: str | None = None,
        tags: Tags = None,
        properties: Tags = None,
        run_id: str | None = None,
        latest: bool = False,
        dataset_id: str | None = None,
        expand: bool = True,
        page_count: int = 255,
        model_framework: str | None = None,
    ) -> builtins.list[Model]:
        """Return the versions that fit what is given; `latest` gives one of each model."""
        found = sdk.Model.list(workspace, name, pairs(tags), run_id, latest)
        wanted = pairs(properties)
        return [
            cls.from_message(workspace, each.message)
            for each in found
            if wanted.items() <= each.properties.items()
            and model_framework in (None, each.model_framework)
            and (dataset_id is None or dataset_id in dataset_ids(each.properties))
        ]

    @property
    def datasets(self) -> dict[str, builtins.list[FileDataset | TabularDataset]]:
        """The registered datasets that it was registered with, by what they are to it."""
        return datasets_of(self.workspace, self.properties)

    @staticmethod
    def deploy(  # type: ignore[override]  # Azure's parameters
        workspace: Workspace,
        name: str,
        models: Sequence[Model],
        inference_config: Any = None,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
    ) -> Webservice:
        """Deploy a model, or a scoring script with its models, and return the service at once.

        Without a configuration, as on ACI: no key. A `deployment_target` is accepted; the machines there are serve it.
        """
        from azureml._webservice import deploy

        service = deploy(workspace, name, models, inference_config, deployment_config, overwrite)
        if show_output:
            service.wait_for_deployment(show_output=True)
        return service

    @staticmethod
    def get_model_path(model_name: str, version: int | str | None = None, _workspace: Any = None) -> str:
        """Return the path itself where it is one; a registered model has a path where a scoring script is served.

        Raises ModelNotFoundException.
        """
        if version is None and Path(model_name).exists():
            return model_name
        raise ModelNotFoundException(f"there is no file {model_name}; save a registered model with Model.download")

    def download(self, target_dir: str | Path = ".", exist_ok: bool = False, exists_ok: bool | None = None) -> str:
        """Save its files into a folder; return the path of the file, or of the folder where there are several."""
        return super().download(target_dir, bool(exist_ok or exists_ok))

    def add_tags(self, tags: Mapping[str, object]) -> None:
        """Set tags."""
        self.update(tags=tags)

    def remove_tags(self, tags: Iterable[str]) -> None:
        """Remove tags."""
        self.update(remove_tags=[*tags])

    def serialize(self) -> dict[str, Any]:
        """Return what is known of the model, under Azure's keys."""
        return {
            "createdTime": self.created_time,
            "createdBy": self.created_by,
            "description": self.description,
            "experimentName": self.experiment_name,
            "framework": self.model_framework,
            "frameworkVersion": self.model_framework_version,
            "id": self.id,
            "name": self.name,
            "properties": self.properties,
            "runId": self.run_id,
            "tags": self.tags,
            "version": self.version,
        }

    def __repr__(self) -> str:
        return (
            f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, version={self.version}, "
            f"tags={self.tags}, properties={self.properties})"
        )


def pairs(tags: Tags) -> dict[str, str]:
    """Return Azure's ways to ask for tags, `['key', ['key', 'value']]` or a mapping, as a mapping.

    A key alone has an empty value, which means any.
    """
    if isinstance(tags, Mapping):
        return dict(tags)
    each = [(tag, "") if isinstance(tag, str) else (tag[0], tag[1]) for tag in tags or ()]
    return dict(each)
