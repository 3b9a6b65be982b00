"""What every backend can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from orris_inference.scoring import Call
from orris_inference.signature import Signature

if TYPE_CHECKING:
    from orris_inference.tensors import Array, TensorSpec


class Kind(StrEnum):
    """Which backend it is."""

    ONNX = "onnx"
    REPLICA = "replica"


class Backend(Protocol):
    """A loaded model. Its methods raise InvalidArgument for what the model refuses, Unavailable when it is gone."""

    kind: Kind
    platform: str
    signature: Signature
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    async def call(self, call: Call) -> Any:
        """Return the answer to rows or documents, as (nested) lists."""
        ...

    async def infer(self, inputs: Mapping[str, Array], wanted: Sequence[str]) -> tuple[Sequence[str], Sequence[Array]]:
        """Return the names and values of the outputs wanted; of all when none is named."""
        ...

    async def close(self) -> None:
        """Let calls in progress end, and close."""
        ...
