"""Resource names: what the things of a workspace are called, one class per kind.

    RunName.parse("workspaces/lab/runs/r").run     "r"
    str(RunName("lab", "r"))                       "workspaces/lab/runs/r"
    RunName("lab", "r").parent                     "workspaces/lab"

A name that exists is valid: making or parsing one raises InvalidArgument otherwise, naming the request's field.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import ClassVar, Self

from orris.errors import InvalidArgument

_SHA256 = (r"[0-9a-f]{64}", "64 lower-case hexadecimal digits")
_IDS = {
    "workspace": (r"[A-Za-z0-9][\w-]{1,32}", "2 to 33 letters, digits, _ and -, beginning with a letter or digit"),
    "experiment": (r"[A-Za-z0-9][\w-]{0,254}", "up to 255 letters, digits, _ and -, beginning with a letter or digit"),
    "run": (r"[A-Za-z0-9][\w.-]{0,299}", "up to 300 letters, digits, _, - and ., beginning with a letter or digit"),
    "file": (
        r"(?!.{1025})(?:(?!\.\.?(?:/|$))[^/\x00-\x1f\x7f]+/)*(?!\.\.?$)[^/\x00-\x1f\x7f]+",
        "a relative path without `.` and `..`, up to 1,024 characters",
    ),
    "environment": (r"[A-Za-z0-9][\w.\- ]{0,254}", "up to 255 letters, digits, _, -, . and spaces"),
    "version": (r"[A-Za-z0-9][\w.-]{0,254}", "up to 255 letters, digits, _, - and ."),
    "build": (r"[A-Za-z0-9][\w.-]{0,127}", "up to 128 letters, digits, _, - and ."),
    "image": (r"[A-Za-z0-9][\w.-]{0,127}", "up to 128 letters, digits, _, - and ."),
    "model": (r"[A-Za-z0-9][A-Za-z0-9\-._]{0,254}", "up to 255 letters, digits, -, . and _"),
    "endpoint": (
        r"[a-z][-a-z0-9]{1,30}[a-z0-9]",
        "3 to 32 lower-case letters, digits and -, beginning with a letter, not ending with -",
    ),
    "datastore": (r"[A-Za-z0-9][\w-]{0,254}", "up to 255 letters, digits, _ and -, beginning with a letter or digit"),
    "dataset": (r"[A-Za-z0-9][\w.\- ]{0,254}", "up to 255 letters, digits, _, -, . and spaces"),
    "agent": (r"[A-Za-z0-9][\w.-]{0,127}", "up to 128 letters, digits, _, - and ."),
    "pool": (r"[a-z0-9][a-z0-9-]{0,62}", "1 to 63 lower-case letters, digits and -, beginning with a letter or digit"),
    "node": (r"[A-Za-z0-9][\w.-]{0,127}", "up to 128 letters, digits, _, - and ."),
    "sha256": _SHA256,
}
_USUAL_LENGTH = 64  # of an id: whether such a one is valid is remembered, a longer one would take memory


def check_id(kind: str, value: str, *, field: str | None = None) -> str:
    """Return `value` when it is a valid id of that kind ("experiment", "model", ...). Raises InvalidArgument."""
    is_id = _is_id if len(value) <= _USUAL_LENGTH else _is_id.__wrapped__
    if not is_id(kind, value):
        where = field or kind
        raise InvalidArgument(f"{where}: {value[:100]!r} is no {kind}: {_IDS[kind][1]}", field=where)
    return value


@lru_cache(4096)
def _is_id(kind: str, value: str) -> bool:
    return re.fullmatch(_IDS[kind][0], value, re.ASCII) is not None


class _Name:
    """A resource name made of the ids in its fields; `pattern` says how."""

    __slots__ = ()
    pattern: ClassVar[str]
    __match_args__: ClassVar[tuple[str, ...]]  # the fields' names: each kind is a dataclass

    def __post_init__(self) -> None:
        for name in self.__match_args__:
            check_id(name, getattr(self, name))

    @classmethod
    def parse(cls, name: str, *, field: str = "name") -> Self:
        """Return the name's parts. Raises InvalidArgument that names `field`."""
        match = _structure(cls.pattern).fullmatch(name)
        if match is None:
            raise InvalidArgument(f"{field} must look like {cls.pattern}, not {name[:100]!r}", field=field)
        for kind, value in match.groupdict().items():
            check_id(kind, value, field=field)
        return cls(**match.groupdict())

    @property
    def parent(self) -> str:
        """The name of what it belongs to; empty for what belongs to nothing."""
        return self.pattern.rpartition("/")[0].rpartition("/")[0].format_map(self._ids())

    def __str__(self) -> str:
        return self.pattern.format_map(self._ids())

    def _ids(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__match_args__}


@cache
def _structure(pattern: str) -> re.Pattern[str]:
    """Return what tells the parts of a name apart; only a log's file may contain slashes."""
    return re.compile(re.sub(r"\{(\w+)\}", lambda part: f"(?P<{part[1]}>{_piece(part[1])})", pattern))


def _piece(kind: str) -> str:
    return r".+" if kind == "file" else r"[^/]+"


@dataclass(frozen=True, slots=True)
class WorkspaceName(_Name):
    pattern = "workspaces/{workspace}"
    workspace: str


@dataclass(frozen=True, slots=True)
class ExperimentName(_Name):
    pattern = "workspaces/{workspace}/experiments/{experiment}"
    workspace: str
    experiment: str


@dataclass(frozen=True, slots=True)
class RunName(_Name):
    pattern = "workspaces/{workspace}/runs/{run}"
    workspace: str
    run: str


@dataclass(frozen=True, slots=True)
class LogName(_Name):
    pattern = "workspaces/{workspace}/runs/{run}/logs/{file}"
    workspace: str
    run: str
    file: str


@dataclass(frozen=True, slots=True)
class EnvironmentName(_Name):
    pattern = "workspaces/{workspace}/environments/{environment}"
    workspace: str
    environment: str


@dataclass(frozen=True, slots=True)
class EnvironmentVersionName(_Name):
    pattern = "workspaces/{workspace}/environments/{environment}/versions/{version}"
    workspace: str
    environment: str
    version: str


@dataclass(frozen=True, slots=True)
class BuildName(_Name):
    pattern = "workspaces/{workspace}/builds/{build}"
    workspace: str
    build: str


@dataclass(frozen=True, slots=True)
class ImageName(_Name):
    pattern = "workspaces/{workspace}/images/{image}"
    workspace: str
    image: str


@dataclass(frozen=True, slots=True)
class ModelName(_Name):
    pattern = "workspaces/{workspace}/models/{model}"
    workspace: str
    model: str


@dataclass(frozen=True, slots=True)
class ModelVersionName(_Name):
    pattern = "workspaces/{workspace}/models/{model}/versions/{version}"
    workspace: str
    model: str
    version: str


@dataclass(frozen=True, slots=True)
class EndpointName(_Name):
    pattern = "workspaces/{workspace}/endpoints/{endpoint}"
    workspace: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class DatastoreName(_Name):
    pattern = "workspaces/{workspace}/datastores/{datastore}"
    workspace: str
    datastore: str


@dataclass(frozen=True, slots=True)
class DatasetName(_Name):
    pattern = "workspaces/{workspace}/datasets/{dataset}"
    workspace: str
    dataset: str


@dataclass(frozen=True, slots=True)
class DatasetVersionName(_Name):
    pattern = "workspaces/{workspace}/datasets/{dataset}/versions/{version}"
    workspace: str
    dataset: str
    version: str


@dataclass(frozen=True, slots=True)
class TreeName(_Name):
    pattern = "workspaces/{workspace}/trees/{sha256}"
    workspace: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BlobName(_Name):
    pattern = "workspaces/{workspace}/blobs/{sha256}"
    workspace: str
    sha256: str


@dataclass(frozen=True, slots=True)
class StorageName(_Name):
    pattern = "workspaces/{workspace}/storage"
    workspace: str


@dataclass(frozen=True, slots=True)
class AgentName(_Name):
    pattern = "agents/{agent}"
    agent: str


@dataclass(frozen=True, slots=True)
class PoolName(_Name):
    pattern = "pools/{pool}"
    pool: str


@dataclass(frozen=True, slots=True)
class NodeName(_Name):
    pattern = "pools/{pool}/nodes/{node}"
    pool: str
    node: str


def parse_environment(name: str, *, field: str = "name") -> EnvironmentName | EnvironmentVersionName:
    """Return the parts of an environment's name, with or without its version."""
    kind = EnvironmentVersionName if name.count("/") > 3 else EnvironmentName
    return kind.parse(name, field=field)
