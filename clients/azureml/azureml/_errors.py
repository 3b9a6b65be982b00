"""Which of Azure's exceptions an error of Orris becomes: the only place that knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from types import FunctionType, GeneratorType
from typing import Any, TypeVar

from azureml import exceptions as azure
from orris import errors
from orris.sdk import failures

ClassT = TypeVar("ClassT")
NotFoundKind = type[azure.AzureMLException]

# What is called without being named.
_OPERATORS = ("and", "or", "invert", "bool", "eq", "ne", "lt", "le", "gt", "ge", "getitem")
_MEANT = frozenset(f"__{name}__" for name in ("init", *_OPERATORS))
_OF_POOLS = frozenset({"POOL_NOT_FOUND", "POOL_IN_USE", "POOL_IS_DEFAULT", "POOL_DELETED", "INVALID_POOL"})
_KINDS: tuple[tuple[type[errors.OrrisError], type[azure.AzureMLException]], ...] = (
    (failures.StillRunning, azure.ExperimentExecutionException),
    (failures.BuildFailed, azure.ImageException),
    (failures.DeploymentFailed, azure.WebserviceException),
    (errors.Unimplemented, azure.NotSupportedException),
    (errors.PermissionDenied, azure.AuthenticationException),
    (errors.Unauthenticated, azure.AuthenticationException),
    (errors.InvalidArgument, azure.UserErrorException),
    (errors.OutOfRange, azure.UserErrorException),
    (errors.FailedPrecondition, azure.UserErrorException),
    (errors.AlreadyExists, azure.UserErrorException),
    (errors.Conflict, azure.UserErrorException),
)


def translate(error: errors.OrrisError, not_found: NotFoundKind = azure.UserErrorException) -> azure.AzureMLException:
    """Return the exception that Azure's callers expect; `not_found` is the one for what does not exist."""
    if isinstance(error, failures.RunFailed):
        details = json.dumps(error.details.get("error"), indent=4)
        return azure.ActivityFailedException(error.message, error_details=details, inner_exception=error)
    if isinstance(error, failures.ScoringFailed):
        return azure.WebserviceException(error.message, status_code=error.status, inner_exception=error)
    if error.reason in _OF_POOLS:
        return azure.ComputeTargetException(error.message, inner_exception=error)
    if isinstance(error, errors.NotFound):
        return not_found(error.message, inner_exception=error)
    if error.reason == "SNAPSHOT_TOO_LARGE":
        return azure.SnapshotException(error.message, inner_exception=error)
    kind = next((kind for own, kind in _KINDS if isinstance(error, own)), azure.ServiceException)
    return kind(error.message, inner_exception=error)


@contextmanager
def translating(not_found: NotFoundKind = azure.UserErrorException) -> Iterator[None]:
    """Raise Azure's exceptions for Orris's errors in the block."""
    try:
        yield
    except errors.OrrisError as error:
        raise translate(error, not_found) from error


def translated(not_found: NotFoundKind = azure.UserErrorException) -> Callable[[type[ClassT]], type[ClassT]]:
    """Have all public methods, operators and properties of a class, inherited ones too, raise Azure's exceptions."""

    def decorate(kind: type[ClassT]) -> type[ClassT]:
        members = {name: member for base in reversed(kind.__mro__[:-1]) for name, member in vars(base).items()}
        for name, member in members.items():
            if name in _MEANT or not name.startswith("_"):
                setattr(kind, name, _wrapped(member, not_found))
        return kind

    return decorate


def _wrapped(member: Any, not_found: NotFoundKind) -> Any:
    if isinstance(member, FunctionType):
        return _wrapped_function(member, not_found)
    if isinstance(member, classmethod | staticmethod) and isinstance(member.__func__, FunctionType):
        return type(member)(_wrapped_function(member.__func__, not_found))
    if isinstance(member, property) and isinstance(member.fget, FunctionType):
        return property(_wrapped_function(member.fget, not_found), member.fset, member.fdel, member.__doc__)
    return member


def _wrapped_function(function: FunctionType, not_found: NotFoundKind) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with translating(not_found):
            result = function(*args, **kwargs)
        return _iterate(result, not_found) if isinstance(result, GeneratorType) else result

    return call


def _iterate(items: Iterator[Any], not_found: NotFoundKind) -> Iterator[Any]:
    with translating(not_found):
        yield from items
