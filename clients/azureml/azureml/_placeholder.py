"""Names that can be imported, because public code imports them, but cannot be used yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from azureml._names import MODULES
from azureml.exceptions import NotSupportedException

_SCRIPT = "submit the script with ScriptRunConfig(source_directory, script, arguments, environment=...)"
_SWEEP = "submit a HyperDriveConfig: Experiment.submit(HyperDriveConfig(run_config=ScriptRunConfig(...), ...))"
_DATA = "upload the files to ws.get_default_datastore() and use Dataset.File.from_files or Dataset.Tabular"
_DEPLOY = "leave deployment_target out of Model.deploy: the model is served on the machines that there are"
_SCORING = "give Model.deploy an InferenceConfig(entry_script, source_directory, environment): it is served as it is"
_RAW = "use it in the scoring script: it is there when the script is served"
_COMPUTE = (
    'use the compute target "local", or a cluster (AmlCompute): a pool, whose nodes are processes of the service\'s '
    "machine unless ORRIS_POOL_ENGINE names another engine"
)

# What to do instead: by the name, else by the module it is imported from.
_BY_NAME = {
    "AksCompute": _DEPLOY,
    "ContainerImage": _SCORING,
    "Image": _SCORING,
    "ModelPackage": _SCORING,
    "Keyvault": "set environment_variables of the environment, or read a file of yours",
    "AksEndpoint": _DEPLOY,
}
_BY_MODULE = {
    "azureml.train.hyperdrive": _SWEEP,
    "azureml.train": _SCRIPT,
    "azureml.data": _DATA,
    "azureml.opendatasets": _DATA,
    "azureml.contrib.services": _RAW,
    "azureml.core.compute": _COMPUTE,
    "azureml.core.compute_target": _COMPUTE,
    "azureml.core.dataset": _DATA,
    "azureml.core.datastore": _DATA,
    "azureml.core.runconfig": "leave it out: a run is one process on one machine",
    "azureml.core.environment": "describe the packages: Environment.from_conda_specification, or CondaDependencies",
}


class NotAvailable(NotSupportedException, AttributeError):
    """Orris cannot do that yet. It is an AttributeError, too: `hasattr` says no, `getattr` gives its default."""


def refuse(what: str, instead: str = "") -> NoReturn:
    """Raise what says that `what` cannot be used, and what to do instead."""
    raise NotAvailable(f"{what} is not available in Orris yet" + (f": {instead}." if instead else "."))


def refuse_given(where: str, **given: Any) -> None:
    """Refuse the first argument of `where` that was given a value."""
    for name, value in given.items():
        if value is not None and value != [] and value != {}:
            refuse(f"{where}({name}=...)", "leave it out")


class PlaceholderType(type):
    """The type of placeholders: classes that can be named, tested for and inherited from, but not used."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        refuse(cls.__name__, _instead(cls.__name__))

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        refuse(f"{cls.__name__}.{name}", _instead(cls.__name__))


def placeholder(name: str, module: str) -> type:
    """Return the placeholder for `module`.`name`."""
    return PlaceholderType(name, (), {"__module__": module, "__doc__": "Not available in Orris yet."})


def _instead(name: str) -> str:
    if name in _BY_NAME:
        return _BY_NAME[name]
    modules = [module for module, names in MODULES.items() if name in names.split()]
    places = [place for place in _BY_MODULE if any(f"{module}.".startswith(f"{place}.") for module in modules)]
    return _BY_MODULE[max(places, key=len)] if places else ""


class RefusingType(type):
    """The type of classes that say what they lack: also where it is the class itself that is asked for it."""

    _lacking: str
    _instead: Mapping[str, str]

    def __getattr__(cls, name: str) -> Any:
        if not name.startswith("_") and name in cls._lacking.split():
            refuse(f"{cls.__name__}.{name}", cls._instead.get(name, ""))
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")


class Refusing(metaclass=RefusingType):
    """A class that says of Azure's attributes it lacks (`_lacking`: names, separated by spaces) that it lacks them."""

    _lacking = ""
    # What to do instead, by the attribute.
    _instead: Mapping[str, str] = {}

    def __getattr__(self, name: str) -> Any:
        if name in self._lacking.split():
            refuse(f"{type(self).__name__}.{name}", self._instead.get(name, ""))
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
