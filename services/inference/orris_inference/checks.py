"""What can be deployed: each bad field is named, with what to do about it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from orris.errors import InvalidArgument
from orris.names import EnvironmentVersionName, ModelVersionName, TreeName, parse_environment
from orris.tree_paths import fault_of
from orris_inference.model import Code, Content, Resources, Wish
from orris_kit.text import check_text, is_text

TAGS = 100
TEXT = 4096
MODELS = 100
VARIABLES = 512
VARIABLES_BYTES = 128 * 1024
# What a replica is told by Orris itself.
_RESERVED = frozenset({"AML_APP_ROOT", "AZUREML_ENTRY_SCRIPT", "AZUREML_MODEL_DIR", "SERVICE_NAME"})
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)
# The settings of the program that calls the script: Azure's names.
_NUMBERS = {"WORKER_COUNT": 64, "SCORING_TIMEOUT_MS": 24 * 3600 * 1000}


def check_wish(workspace: str, wish: Wish) -> None:
    """Raise InvalidArgument for what cannot be deployed."""
    _check_models(workspace, wish)
    if wish.code is not None:
        _check_code(workspace, wish.code)
    if wish.resources is not None:
        _check_resources(wish.resources)
    fit = all(key and is_text(key, 255) and is_text(value, TEXT) for key, value in wish.tags.items())
    if len(wish.tags) > TAGS or not fit:
        message = f"endpoint.tags: at most {TAGS}, keys of 1 to 255 characters, values of up to {TEXT}, no NULs"
        raise InvalidArgument(message, field="endpoint.tags")
    check_text("endpoint.description", wish.description, TEXT)


def _check_models(workspace: str, content: Content) -> None:
    if content.code is None:
        if set(content.model_versions) - {content.model_version}:
            message = "endpoint.model_versions: several models need `code`; without it, name one as `model_version`"
            raise InvalidArgument(message, field="endpoint.model_versions")
        _check_model(workspace, content.model_version, "endpoint.model_version")
        return
    if len(content.models) > MODELS:
        raise InvalidArgument(f"endpoint.model_versions: at most {MODELS}", field="endpoint.model_versions")
    for name in content.models:
        _check_model(workspace, name, "endpoint.model_versions")


def _check_model(workspace: str, name: str, field: str) -> None:
    if ModelVersionName.parse(name, field=field).workspace != workspace:
        raise InvalidArgument(f"{field}: {name!r} is of another workspace than the endpoint", field=field)


def _check_code(workspace: str, code: Code) -> None:
    where = "endpoint.code.snapshot"
    if TreeName.parse(code.snapshot, field=where).workspace != workspace:
        raise InvalidArgument(f"{where}: {code.snapshot!r} is of another workspace than the endpoint", field=where)
    where = "endpoint.code.entry_script"
    if fault := fault_of(code.entry_script):
        raise InvalidArgument(f"{where}: {code.entry_script[:300]!r} {fault}", field=where)
    if not code.entry_script.endswith(".py"):
        message = f"{where}: {code.entry_script[:300]!r} is no Python file: name the .py file with init() and run(data)"
        raise InvalidArgument(message, field=where)
    if code.environment:
        _check_environment(workspace, code.environment)
    _check_variables(code.variables)


def _check_environment(workspace: str, name: str) -> None:
    where = "endpoint.code.environment"
    parsed = parse_environment(name, field=where)
    if parsed.workspace != workspace:
        raise InvalidArgument(f"{where}: {name!r} is of another workspace than the endpoint", field=where)
    if not isinstance(parsed, EnvironmentVersionName):
        raise InvalidArgument(f"{where}: name a version: {name}/versions/1", field=where)


def _check_variables(variables: Mapping[str, str]) -> None:
    where = "endpoint.code.environment_variables"
    if len(variables) > VARIABLES or sum(len(f"{name}{value}".encode()) for name, value in variables.items()) > (
        VARIABLES_BYTES
    ):
        message = f"{where}: at most {VARIABLES} variables of {VARIABLES_BYTES} bytes together"
        raise InvalidArgument(message, field=where)
    for name, value in variables.items():
        if not _VARIABLE.fullmatch(name) or not is_text(value, VARIABLES_BYTES):
            message = (
                f"{where}: {name[:100]!r} is no name of a variable (letters, digits and _), or its value has a NUL"
            )
            raise InvalidArgument(message, field=where)
        if name in _RESERVED or name.startswith("ORRIS_"):
            raise InvalidArgument(f"{where}: {name} is set by Orris; leave it out", field=where)
        most = _NUMBERS.get(name)
        if most is not None and not (value.isascii() and value.isdigit() and 1 <= int(value) <= most):
            raise InvalidArgument(f"{where}: {name} must be a whole number from 1 to {most}", field=where)


def _check_resources(resources: Resources) -> None:
    numbers = {
        "cpus": resources.cpus,
        "memory_bytes": resources.memory_bytes,
        "pids": resources.pids,
        "gpus": resources.gpus,
        "shared_memory_bytes": resources.shared_memory_bytes,
    }
    for name, value in numbers.items():
        if not (math.isfinite(value) and value >= 0):
            where = f"endpoint.resources.{name}"
            raise InvalidArgument(f"{where}: must not be negative; 0 means no limit", field=where)
