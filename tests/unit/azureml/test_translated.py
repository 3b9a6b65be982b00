"""What the classes of `azureml` raise is an AzureMLException: `except UserErrorException` must not be passed by."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType
from typing import Any

import pytest

from azureml import _errors, _names, exceptions

_CALL_NOTHING = "describes something, and asks Orris for nothing; what it says is looked at when a run is submitted"
# Classes of which not all methods are translated, and why no error of Orris gets out of them.
UNTRANSLATED = {
    **dict.fromkeys(_names._AUTHENTICATION.split(), "accepted, and not used"),
    **dict.fromkeys(_names._HYPERDRIVE_POLICIES.split(), _CALL_NOTHING),
    **dict.fromkeys(_names._HYPERDRIVE_SAMPLING.split(), _CALL_NOTHING),
    **dict.fromkeys(("HyperDriveConfig", "HyperDriveRunConfig", "HyperParameterSampling"), _CALL_NOTHING),
    **dict.fromkeys(("PrimaryMetricGoal", "PromoteHeadersBehavior"), "an Enum"),
    **dict.fromkeys(("RunConfiguration", "ScriptRunConfig", "DockerConfiguration"), _CALL_NOTHING),
    "DataReferenceConfiguration": _CALL_NOTHING,
    **dict.fromkeys(("CondaDependencies", "ContainerRegistry", "DockerSection", "PythonSection"), _CALL_NOTHING),
    **dict.fromkeys(("AmlComputeStatus", "ScaleSettings", "DockerImageDetails"), "says what was read before"),
    **dict.fromkeys(("AbstractDatastore", "AbstractAzureStorageDatastore", "AzureBlobDatastore"), "has no methods"),
    **dict.fromkeys(("Diabetes", "MNIST"), "what they return is translated"),
    **{
        name: _CALL_NOTHING
        for name in _names.REAL
        if name.endswith(("DeploymentConfiguration", "ServiceDeploymentConfiguration"))
    },
    "ResourceConfiguration": "a dataclass of Orris's library without methods",
    "RunDetails": "prints what Orris says, its errors too",
    "_OfflineRun": "prints what it is told, and raises nothing of Orris's",
}


def classes() -> Iterator[Any]:
    for name, place in _names.REAL.items():
        module, _, attribute = place.partition(":")
        found = getattr(import_module(module), attribute)
        if isinstance(found, type) and not issubclass(found, exceptions.AzureMLException):
            yield pytest.param(name, found, id=name)


def functions(kind: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield what a class executes for its public attributes, and to make one."""
    for name in dir(kind):
        if name != "__init__" and name.startswith("_"):
            continue
        member = inspect.getattr_static(kind, name)
        found = getattr(member, "fget", None) or getattr(member, "__func__", member)
        if isinstance(found, FunctionType):
            yield name, found


@pytest.mark.parametrize(("name", "kind"), list(classes()))
def test_a_class_that_asks_orris_translates_its_errors(name: str, kind: type) -> None:
    untranslated = {each for each, function in functions(kind) if function.__globals__ is not vars(_errors)}
    if name in UNTRANSLATED:
        assert untranslated or not list(functions(kind)), f"{name} is translated: take it off the list"
    else:
        assert untranslated == set()
        assert kind.__module__.startswith("azureml."), f"{name} is of Orris's library: what it makes is not translated"


def test_the_list_of_exceptions_names_classes_that_there_are() -> None:
    assert set(UNTRANSLATED) <= {each.id for each in classes()}
