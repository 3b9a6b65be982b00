"""The exceptions that user code catches by Azure's names (`azureml.exceptions`). They are Orris's errors, too."""

from . import errors


class AzureMLException(Exception):
    """The root of what `azureml` raises."""

    def __init__(self, exception_message="", inner_exception=None, **kwargs) -> None:
        super().__init__(exception_message)
        self.message = exception_message
        self.inner_exception = inner_exception
        for name, value in kwargs.items():  # target, details, message_format, ...
            setattr(self, name, value)


class UserErrorException(AzureMLException, errors.InvalidArgument):
    """The caller must change something."""


class RunEnvironmentException(UserErrorException, errors.FailedPrecondition):
    """The program is not a run, and was asked to be one."""


class NotInsideRunException(UserErrorException, errors.FailedPrecondition, AttributeError):
    """What was used does its work on the machine that submits, or is not supported inside a run yet.

    It is an AttributeError, too, so that `hasattr` and `getattr` with a default say "not there".
    """


class ArgumentException(UserErrorException):
    """An argument cannot be accepted."""


class ModelPathNotFoundException(UserErrorException, errors.NotFound):
    """There is no such path among the run's files."""


class ModelNotFoundException(AzureMLException, errors.NotFound):
    """There is no such model."""


class AuthenticationException(UserErrorException, errors.PermissionDenied):
    """The caller may not do this."""


class NotSupportedException(AzureMLException, errors.Unimplemented):
    """The agent does not know the request."""


class ServiceException(AzureMLException, errors.Unavailable):
    """The agent or a service failed to do what was asked."""

    def __init__(self, exception_message="", status_code=None, **kwargs) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code


class ActivityFailedException(AzureMLException):
    """A run failed."""

    def __init__(self, exception_message="", error_details=None, **kwargs) -> None:
        super().__init__(exception_message, **kwargs)
        self.error_details = error_details


class WebserviceException(AzureMLException):
    """A deployed service failed."""

    def __init__(self, exception_message="", status_code=None, logs=None, **kwargs) -> None:
        super().__init__(exception_message, **kwargs)
        self.status_code = status_code
        self.logs = logs


class ComputeTargetException(AzureMLException):
    """Something about a compute target."""


class DatasetExecutionError(AzureMLException):
    """A dataset could not be read."""


class DatasetValidationError(AzureMLException):
    """A dataset's definition cannot be accepted."""


class DatastoreNotFoundException(AzureMLException, errors.NotFound):
    """There is no such datastore."""


class DiscoveryUrlNotFoundException(AzureMLException):
    """No address for a service."""


class ExperimentExecutionException(AzureMLException):
    """A run could not be submitted or followed."""


class ImageException(AzureMLException):
    """An image could not be built."""


class ProjectSystemException(AzureMLException):
    """Something about a workspace or experiment."""


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


class WorkspaceException(AzureMLException):
    """Something about a workspace."""


NAMES = sorted(
    name for name, value in list(globals().items()) if isinstance(value, type) and issubclass(value, AzureMLException)
)

for _name in NAMES:
    globals()[_name].__module__ = "azureml.exceptions"
