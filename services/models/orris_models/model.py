"""What is registered: versions of models, what they take, and how their conversion went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Framework(StrEnum):
    """What made a model. Named as in the contract."""

    CUSTOM = "CUSTOM"
    SCIKIT_LEARN = "SCIKIT_LEARN"
    ONNX = "ONNX"
    TENSORFLOW = "TENSORFLOW"
    TF_KERAS = "TF_KERAS"
    PYTORCH = "PYTORCH"
    MULTI = "MULTI"


class State(StrEnum):
    """Where a conversion stands. Named as in the contract."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    VERIFIED = "VERIFIED"
    DIFFERENT = "DIFFERENT"
    UNSUPPORTED = "UNSUPPORTED"
    FAILED = "FAILED"
    NOT_APPLICABLE = "NOT_APPLICABLE"

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self not in UNFINISHED


UNFINISHED = (State.PENDING, State.RUNNING)


@dataclass(frozen=True)
class Column:
    """A column of a model's input: `type` is NUMBER, INTEGER, BOOLEAN or TEXT."""

    name: str
    type: str


@dataclass(frozen=True)
class Signature:
    """What a fitted model takes and answers."""

    estimator: str
    inputs: tuple[Column, ...]
    methods: tuple[str, ...]
    accepts_nan: bool
    one_dimensional: bool
    classes_json: tuple[str, ...]
    framework_version: str


@dataclass(frozen=True)
class Parity:
    """How the answers of one method compare."""

    method: str
    compared: int
    different: int
    max_absolute_difference: float


@dataclass(frozen=True)
class Conversion:
    """How far the conversion to ONNX is, and what came out. `probe_source` is "", SAMPLE or LEARNED."""

    state: State
    message: str = ""
    run: str = ""
    onnx_tree: str = ""
    probe_source: str = ""
    probe_count: int = 0
    parity: tuple[Parity, ...] = ()
    end_time: datetime | None = None


@dataclass(frozen=True)
class Resources:
    """What a deployment should be given; memory in GiB."""

    cpu: float = 0
    memory_gib: float = 0
    gpu: int = 0


@dataclass(frozen=True)
class Draft:
    """A version as somebody asks for it. Resource names are complete; empty is absent."""

    framework: Framework = Framework.CUSTOM
    framework_version: str = ""
    recorded_framework_version: str = ""
    tree: str = ""
    file: str = ""
    run: str = ""
    experiment: str = ""
    image: str = ""
    snapshot: str = ""
    script: str = ""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    resources: Resources | None = None
    sample_input_json: str = ""
    size: int = 0
    created_by: str = ""


@dataclass(frozen=True)
class Version:
    """A registered version."""

    workspace: str
    model: str
    number: int
    content: Draft
    create_time: datetime
    conversion: Conversion
    signature: Signature | None = None

    @property
    def name(self) -> str:
        """Its resource name."""
        return f"workspaces/{self.workspace}/models/{self.model}/versions/{self.number}"
