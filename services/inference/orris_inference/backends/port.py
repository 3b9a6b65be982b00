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
    CODE = "code"


class Answering(Protocol):
    """Something that answers for an endpoint."""

    kind: Kind

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of the model that can be called, the default first."""
        ...

    async def close(self) -> None:
        """Let calls in progress end, and close."""
        ...


class Remote(Answering, Protocol):
    """Something that answers in a replica."""

    async def meet(self) -> None:
        """Ask the replica what it serves.

        Raises Unavailable when it does not answer, FailedPrecondition when it serves nothing that can be called.
        """
        ...


class Backend(Answering, Protocol):
    """A loaded model. Its methods raise InvalidArgument for what the model refuses, Unavailable when it is gone."""

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


class ScriptBackend(Remote, Protocol):
    """A user's scoring script, which gets requests and makes responses itself."""

    takes_options: bool

    async def forward(
        self, verb: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        """Pass on a request (`target`: path and query); return the response's status, headers and body.

        Raises Unavailable when the script is gone, DeadlineExceeded when it takes too long.
        """
        ...
