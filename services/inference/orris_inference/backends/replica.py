"""Answers with a replica: the original model, in a process in its own environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orris.errors import FailedPrecondition, Internal, InvalidArgument
from orris_inference.backends.columns import rows_of, specs_of
from orris_inference.backends.connection import Connection
from orris_inference.backends.port import Kind
from orris_inference.scoring import Call
from orris_inference.signature import Column, ColumnType, Signature, default_first
from orris_inference.tensors import Array, TensorSpec

CALL_SECONDS = 60.0
JSON = {"Content-Type": "application/json"}
V2_METHODS = ("predict", "predict_proba")


class ReplicaBackend:
    """A replica that answers at an address to who knows its secret."""

    kind = Kind.REPLICA
    platform = "sklearn_pickle"

    def __init__(self, address: str, secret: str, signature: Signature | None = None) -> None:
        self._connection = Connection(address, secret)
        self._examined = signature is not None
        self._take(signature or Signature(("predict",)))

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that can be called, the default first."""
        return self.signature.methods

    async def meet(self) -> None:
        """Ask the replica what it serves. What the model's examination found stays, if there was one.

        Raises Unavailable when it does not answer, FailedPrecondition when it serves nothing that can be called.
        """
        found = await self._ask("GET", "/describe")
        methods = tuple(map(str, found.get("methods") or ()))
        if not methods:
            message = f"{str(found.get('estimator'))[:200]} has no method that can be called"
            raise FailedPrecondition(message, reason="NOT_AN_ESTIMATOR")
        known = self.signature
        if self._examined:
            usable = [method for method in known.methods if method in methods] or list(methods)
            self._take(Signature(default_first(usable), known.columns, known.accepts_nan, known.one_dimensional))
        else:
            self._take(Signature(default_first(methods), _columns(found)))

    async def call(self, call: Call) -> Any:
        """Return the answer to rows or documents, as (nested) lists."""
        return (await self._call(call.method, call.data, call.columns))["result"]

    async def infer(self, inputs: Mapping[str, Array], wanted: Sequence[str]) -> tuple[Sequence[str], Sequence[Array]]:
        """Return the names and values of the outputs wanted; by default predict and predict_proba."""
        methods = list(wanted) or [spec.name for spec in self.outputs]
        unknown = [method for method in methods if method not in self.signature.methods]
        if unknown:
            message = f"outputs: {unknown[0][:100]!r} is none of {', '.join(self.signature.methods)}"
            raise InvalidArgument(message, field="outputs")
        rows, columns = rows_of(inputs, self.signature)
        answers = [await self._call(method, rows, columns) for method in methods]
        return methods, [_array(method, answer) for method, answer in zip(methods, answers, strict=True)]

    async def close(self) -> None:
        """Let calls in progress end, and close the connections."""
        await self._connection.close()

    def _take(self, signature: Signature) -> None:
        self.signature = signature
        self.inputs = specs_of(signature)
        named = [method for method in V2_METHODS if method in signature.methods] or list(signature.methods[:1])
        self.outputs = tuple(TensorSpec(name, "FP64", (-1,) if name == "predict" else (-1, -1)) for name in named)

    async def _call(self, method: str, data: list[Any], columns: list[str] | None) -> dict[str, Any]:
        body = json.dumps({"method": method, "data": data, "columns": columns}).encode()
        async with self._connection.in_use():
            return await self._ask("POST", "/call", body)

    async def _ask(self, verb: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        # Predicting twice changes nothing.
        response = await self._connection.exchange(verb, path, body, JSON, seconds=CALL_SECONDS, again=True)
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise Internal("the replica answered with something else than JSON; see the endpoint's log")
        if response.status == 200:
            return answer
        message = str(answer.get("error", ""))
        if response.status == 400:
            raise InvalidArgument(message, field="data", reason="MODEL_REFUSED")
        raise Internal(f"the model failed: {message[:500]}; see the endpoint's log", reason="MODEL_FAILED")


def _columns(found: Mapping[str, Any]) -> tuple[Column, ...] | None:
    """Return the columns that a replica tells of; None where it does not know."""
    names, count = found.get("columns"), found.get("column_count")
    if isinstance(names, list) and names:
        return tuple(Column(str(name), ColumnType.ANY) for name in names)
    if isinstance(count, int) and 0 < count <= 1_000_000:
        return (Column("", ColumnType.ANY),) * count
    return None


def _array(method: str, answer: Mapping[str, Any]) -> Array:
    """Return an answer as a tensor. Raises FailedPrecondition where it has no even shape."""
    try:
        array = np.array(answer["result"])
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.dtype.kind == "U":
        array = array.astype(object)
    if not array.size or (array.dtype.kind == "O" and not all(isinstance(item, str) for item in array.ravel())):
        message = f"the answer of {method} is no tensor; ask for it by POST of Azure's format (scoring_uri)"
        raise FailedPrecondition(message, reason="NO_TENSOR")
    return array
