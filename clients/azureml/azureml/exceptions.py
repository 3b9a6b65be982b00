"""Azure's exceptions, as far as public code catches them. `_errors.py` decides which one an error of Orris becomes."""

from __future__ import annotations

from typing import Any


class AzureMLException(Exception):
    """The root of what `azureml` raises: `message` for people, `inner_exception` what Orris raised."""

    def __init__(
        self, exception_message: str = "", inner_exception: BaseException | None = None, **kwargs: Any
    ) -> None:
        super().__init__(exception_message)
        self.message = exception_message
        self.inner_exception = inner_exception
        for name, value in kwargs.items():  # target, details, message_format, ...
            setattr(self, name, value)


class UserErrorException(AzureMLException):
    """The caller must change something."""


class RunEnvironmentException(UserErrorException):
    """The program is not a run, and was asked to be one."""


class NotInsideRunException(UserErrorException):
    """What was used is not available inside a run; raised only there."""


class ArgumentException(UserErrorException):
    """An argument cannot be accepted."""


class ModelPathNotFoundException(UserErrorException):
    """There is no such path among the run's files."""


class AuthenticationException(UserErrorException):
    """The caller may not do this, or has no token."""


class NotSupportedException(UserErrorException):
    """Orris cannot do that."""


class ServiceException(AzureMLException):
    """A service failed, or does not answer."""

    def __init__(self, exception_message: str = "", status_code: int | None = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class ActivityFailedException(AzureMLException):
    """A run failed. `error_details` is JSON in Azure's nesting."""

    def __init__(self, exception_message: str = "", error_details: str | None = None, **kwargs: Any) -> None:
        super().__init__(exception_message, **kwargs)
        self.error_details = error_details


class WebserviceException(AzureMLException):
    """A deployed service failed, or there is none."""

    def __init__(
        self, exception_message: str = "", status_code: int | None = None, logs: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code
        self.logs = logs


class ModelNotFoundException(WebserviceException):
    """There is no such model. Azure raises it for files and WebserviceException for registered ones: this is both."""


class ComputeTargetException(AzureMLException):
    """Something about a compute target: above all that there is none by the name."""


class DatasetExecutionError(AzureMLException):
    """A dataset could not be read."""


class DatasetValidationError(AzureMLException):
    """A dataset's definition cannot be accepted."""


class DatastoreNotFoundException(AzureMLException):
    """There is no such datastore."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """No address for a service."""


class ExperimentExecutionException(AzureMLException):
    """A run could not be submitted, or waiting for it was interrupted."""


class ImageException(AzureMLException):
    """An image could not be built."""


class ProjectSystemException(AzureMLException):
    """Something about a workspace or experiment."""


class WorkspaceException(ProjectSystemException):
    """There is no such workspace."""


class RunConfigurationException(AzureMLException):
    """A run configuration cannot be accepted."""


class ScenarioException(AzureMLException):
    """A configuration is not possible."""


class SnapshotException(AzureMLException):
    """A snapshot could not be made."""


class TrainingException(AzureMLException):
    """Training failed."""


class UnexpectedTraceException(AzureMLException):
    """Something unexpected happened."""


__all__ = sorted(
    name for name, value in [*globals().items()] if isinstance(value, type) and issubclass(value, AzureMLException)
)
