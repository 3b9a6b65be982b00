"""Deployed models."""

from __future__ import annotations

import builtins
import warnings
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from azureml._deployment_log import following
from azureml._errors import translated
from azureml._inference_config import InferenceConfig
from azureml._placeholder import Refusing, refuse, refuse_given
from azureml._webservice_configuration import (
    AciServiceDeploymentConfiguration,
    AksServiceDeploymentConfiguration,
    LocalWebserviceDeploymentConfiguration,
)
from azureml.exceptions import UserErrorException, WebserviceException
from orris.errors import NotFound, OrrisError
from orris.sdk import deployment
from orris.sdk import endpoint as sdk

if TYPE_CHECKING:
    from azureml._model import Model
    from azureml._workspace import Workspace


AKS_TIMEOUT_MS = 60_000  # what Azure gives a call on AKS


@translated(not_found=WebserviceException)
class Webservice(Refusing, sdk.Endpoint):
    """A deployed service by its name. Raises WebserviceException (`WebserviceNotFound`) when there is none."""

    compute_type = "ACI"
    _operation = "ACI service creation operation finished, operation"
    _lacking = """add_properties add_tags check_for_existing_webservice cpu_cores deploy deploy_from_image
    deploy_from_model get_access_token get_token image image_id location memory_gb remove_tags update"""

    def __new__(cls, *_args: Any, **_options: Any) -> Self:
        kind: Any = AciWebservice if cls is Webservice else cls
        made: Self = object.__new__(kind)
        return made

    def __init__(self, workspace: Workspace, name: str, **_options: Any) -> None:
        try:
            super().__init__(workspace, name)
        except NotFound as error:
            raise WebserviceException(f"WebserviceNotFound: {error.message}", inner_exception=error) from error

    @classmethod
    def adopt(cls, endpoint: sdk.Endpoint) -> Self:
        """Return an endpoint of Orris's library as one of Azure's kind."""
        adopted = cls.__new__(cls)
        adopted.workspace, adopted.message, adopted._key = endpoint.workspace, endpoint.message, None
        return adopted

    @classmethod
    def list(  # type: ignore[override]  # Azure's parameters
        cls, workspace: Workspace, compute_type: str | None = None, **filters: Any
    ) -> builtins.list[Self]:
        """Return the workspace's services by name."""
        refuse_given("Webservice.list", **filters)
        return [cls.adopt(each) for each in sdk.Endpoint.list(workspace)]

    def wait_for_deployment(self, show_output: bool = False, timeout_sec: float | None = None) -> None:
        """Wait until it is Healthy; with `show_output` print its log as it grows.

        Raises WebserviceException with the reason and the service's log when it fails.
        """
        if show_output:
            print("Tips: You can try get_logs() if something unexpected happens.\nRunning", flush=True)
        try:
            with following(self) if show_output else nullcontext():
                super().wait_for_deployment(timeout_sec=timeout_sec)
        except OrrisError as error:
            if show_output:
                print(f'Failed\n{self._operation} "Failed"', flush=True)
            raise WebserviceException(error.message, logs=self._logs_if_any(), inner_exception=error) from error
        if show_output:
            print(f'Succeeded\n{self._operation} "Succeeded"', flush=True)

    def _logs_if_any(self) -> str | None:
        try:
            return sdk.Endpoint.get_logs(self)
        except OrrisError:
            return None

    def get_logs(self, num_lines: int = 5000, init: bool = False) -> str:
        """Return the last lines that it has logged."""
        return "".join(super().get_logs().splitlines(keepends=True)[-num_lines:])

    def update_deployment_state(self) -> None:
        """Ask the server how it stands now."""
        self.refresh()

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name}, compute_type={self.compute_type}, "
            f"state={self.state})"
        )


@translated(not_found=WebserviceException)
class AciWebservice(Webservice):
    """A service as on ACI: without a key unless one is asked for."""

    @staticmethod
    def deploy_configuration(
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        location: str | None = None,
        auth_enabled: bool | None = None,
        ssl_enabled: bool | None = None,
        gpu_cores: int | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        **options: Any,
    ) -> AciServiceDeploymentConfiguration:
        """Return what the deployment should be like."""
        _refuse_unsafe("AciWebservice", ssl_enabled, primary_key, secondary_key)
        return AciServiceDeploymentConfiguration(
            cpu_cores, memory_gb, tags or {}, properties or {}, description, bool(auth_enabled), gpu_cores
        )


@translated(not_found=WebserviceException)
class AksWebservice(Webservice):
    """A service as on AKS, with a key; on the machines that there are, by one replica."""

    compute_type = "AKS"
    _operation = "AKS service creation operation finished, operation"

    @staticmethod
    def deploy_configuration(
        autoscale_enabled: bool | None = None,
        autoscale_min_replicas: int | None = None,
        cpu_cores: float | None = None,
        memory_gb: float | None = None,
        scoring_timeout_ms: int | None = None,
        num_replicas: int | None = None,
        primary_key: str | None = None,
        secondary_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        gpu_cores: int | None = None,
        auth_enabled: bool | None = None,
        token_auth_enabled: bool | None = None,
        **options: Any,
    ) -> AksServiceDeploymentConfiguration:
        """Return what the deployment should be like. What has no equivalent is named in a warning."""
        _refuse_unsafe("AksWebservice", None, primary_key, secondary_key)
        if token_auth_enabled:
            refuse("AksWebservice.deploy_configuration(token_auth_enabled=True)", "use keys: auth_enabled=True")
        replicas = max(num_replicas or 1, autoscale_min_replicas or 1)
        unused = [name for name, value in options.items() if value is not None]
        unused += ["autoscale_enabled"] if autoscale_enabled else []
        unused += ["num_replicas"] if replicas > 1 else []
        if unused:
            message = f"AksWebservice.deploy_configuration: not used are {', '.join(unused)}; there is one replica"
            warnings.warn(message, stacklevel=3)  # where it was called: `translated` lies between
        return AksServiceDeploymentConfiguration(
            cpu_cores,
            memory_gb,
            tags or {},
            properties or {},
            description,
            auth_enabled is not False,
            gpu_cores,
            scoring_timeout_ms,
        )


@translated(not_found=WebserviceException)
class LocalWebservice(Webservice):
    """A service on this machine."""

    compute_type = "Local"
    _operation = "Local webservice is running, operation"

    @property
    def port(self) -> int | None:
        """The port it answers at."""
        return urlsplit(self.scoring_uri).port

    @staticmethod
    def deploy_configuration(port: int | None = None) -> LocalWebserviceDeploymentConfiguration:
        """Return what the deployment should be like."""
        return LocalWebserviceDeploymentConfiguration(port)


def deploy(
    workspace: Workspace,
    name: str,
    models: Sequence[Model],
    inference_config: Any,
    deployment_config: Any,
    overwrite: bool,
) -> Webservice:
    """Deploy as the configuration's kind, by default as on ACI. Raises UserErrorException for what is no such thing."""
    config = AciServiceDeploymentConfiguration() if deployment_config is None else deployment_config
    kinds: dict[type, type[Webservice]] = {
        AciServiceDeploymentConfiguration: AciWebservice,
        AksServiceDeploymentConfiguration: AksWebservice,
        LocalWebserviceDeploymentConfiguration: LocalWebservice,
    }
    kind = kinds.get(type(config))
    if kind is None:
        raise UserErrorException("deployment_config: make it with AciWebservice.deploy_configuration(...)")
    if inference_config is not None and not isinstance(inference_config, InferenceConfig):
        raise UserErrorException("inference_config: make it with InferenceConfig(entry_script, environment=...)")
    if inference_config is not None and isinstance(config, AksServiceDeploymentConfiguration):
        inference_config = inference_config.within(config.scoring_timeout_ms or AKS_TIMEOUT_MS)
    return kind.adopt(deployment.deploy(workspace, name, models, inference_config, config, overwrite))


def _refuse_unsafe(kind: str, ssl: bool | None, *keys: str | None) -> None:
    """Refuse what would be less safe than it looks if it were not used."""
    where = f"{kind}.deploy_configuration"
    if ssl:
        refuse(f"{where}(ssl_enabled=True)", "put a proxy with your certificate before it")
    if any(keys):
        refuse(f"{where}(primary_key=...)", "keys are made for each service: get_keys() tells them")
