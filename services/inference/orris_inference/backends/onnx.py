"""Answers with an ONNX graph in this process."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime

from orris.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument
from orris_inference.backends.columns import columns_of, feeds_of, feeds_of_rows, whole_columns
from orris_inference.backends.pace import Pace
from orris_inference.backends.port import Kind
from orris_inference.scoring import Call
from orris_inference.signature import Signature, default_first
from orris_inference.tensors import Array, TensorSpec
from orris_kit.blocking import run_blocking

RUN_SECONDS = 60.0
NO_FOLDER = "/dev/null/no-external-data"
DATATYPES = {
    "tensor(double)": "FP64",
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int64)": "INT64",
    "tensor(int32)": "INT32",
    "tensor(int16)": "INT16",
    "tensor(int8)": "INT8",
    "tensor(uint64)": "UINT64",
    "tensor(uint32)": "UINT32",
    "tensor(uint16)": "UINT16",
    "tensor(uint8)": "UINT8",
    "tensor(bool)": "BOOL",
    "tensor(string)": "BYTES",
}
# A node's operator as the graph's bytes hold it (field 4, its length, the name): loops may run for ever.
LOOPS = (b"\x22\x04Loop", b"\x22\x04Scan")


class OnnxBackend:
    """A graph of ONNX Runtime. Its outputs are the model's methods."""

    kind = Kind.ONNX
    platform = "onnxruntime_onnx"

    def __init__(self, session: Any, signature: Signature | None, *, endless: bool) -> None:
        self._session = session
        self._pace = Pace(never_quick=endless)
        self.inputs = tuple(_spec(each) for each in session.get_inputs())
        self.outputs = tuple(_spec(each) for each in session.get_outputs() if each.type in DATATYPES)
        self._all = [spec.name for spec in self.outputs]
        self._known = frozenset(self._all)
        self.signature = self._signed(signature)
        self._whole = whole_columns(self.signature) if len(self.inputs) == 1 else []

    @classmethod
    def load(cls, content: bytes, signature: Signature | None = None, *, threads: int = 1) -> OnnxBackend:
        """Load a graph. `signature`: what is known of the model that it was converted from. Slow: call it off the loop.

        Raises FailedPrecondition (GRAPH_NOT_LOADED) for what is no graph, or refers to files beside it.
        """
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # A graph that names files would read them from this machine: there is no folder for it to find them in.
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", NO_FOLDER)
        try:
            session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            return cls(session, signature, endless=any(loop in content for loop in LOOPS))
        except FailedPrecondition:
            raise
        except Exception as error:
            message = f"ONNX Runtime cannot load the graph: {_first_line(error)}"
            raise FailedPrecondition(message, reason="GRAPH_NOT_LOADED") from error

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that can be called, the default first."""
        return self.signature.methods

    async def call(self, call: Call) -> Any:
        """Return the answer to rows or documents, as (nested) lists."""
        feeds = feeds_of_rows(call.data, self.inputs)
        return _plain((await self._run([call.method], feeds))[0])

    async def infer(self, inputs: Mapping[str, Array], wanted: Sequence[str]) -> tuple[Sequence[str], Sequence[Array]]:
        """Return the names and values of the outputs wanted; of all when none is named."""
        names = self._all
        if wanted:
            names = list(wanted)
            if not self._known.issuperset(names):
                message = f"outputs: {', '.join(names)[:200]}; the model has {', '.join(self._all)}"
                raise InvalidArgument(message, field="outputs")
        feeds = feeds_of(inputs, self.inputs, self.signature)
        if not self.signature.accepts_nan:
            _refuse_nan(feeds)
        if self._whole:
            _refuse_fractions(feeds[self.inputs[0].name], self._whole, self.inputs[0].name)
        return names, await self._run(names, feeds)

    async def close(self) -> None:
        """Nothing is held but memory."""

    async def _run(self, names: list[str], feeds: dict[str, Array]) -> list[Array]:
        size = sum(array.size for array in feeds.values())
        try:
            if self._pace.is_quick(size):
                # Handing a few microseconds' work to a thread would cost ten times as much as the work.
                begin = time.perf_counter()
                answers: list[Array] = self._session.run(names, feeds)
                self._pace.took(size, time.perf_counter() - begin)
                return answers
            return await run_blocking(self._run_apart, names, feeds, size)
        except (onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, ValueError) as error:
            raise InvalidArgument(f"the model refuses the input: {_first_line(error)}", field="inputs") from error
        except RuntimeError as error:
            if "terminate" in str(error):
                raise DeadlineExceeded(f"not answered after {RUN_SECONDS:g} s") from error
            raise InvalidArgument(f"the model failed on the input: {_first_line(error)}", field="inputs") from error

    def _run_apart(self, names: list[str], feeds: dict[str, Array], size: int) -> list[Array]:
        from threading import Timer

        options = onnxruntime.RunOptions()
        timer = Timer(RUN_SECONDS, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        # The thread's own time: to wait for the interpreter, or for a busy machine, makes no graph slow.
        begin = time.thread_time()
        try:
            answers: list[Array] = self._session.run(names, feeds, options)
        finally:
            timer.cancel()
        self._pace.took(size, time.thread_time() - begin)
        return answers

    def _signed(self, signature: Signature | None) -> Signature:
        names = [each.name for each in self._session.get_outputs()]
        if signature is None:
            texts = self.inputs[0].datatype == "BYTES" and len(self.inputs) == 1 and len(self.inputs[0].shape) == 1
            return Signature(default_first(names), columns_of(self.inputs), one_dimensional=texts)
        methods = [method for method in signature.methods if method in names] or names
        return Signature(default_first(methods), signature.columns, signature.accepts_nan, signature.one_dimensional)


def _spec(node: Any) -> TensorSpec:
    shape = tuple(size if isinstance(size, int) and size > 0 else -1 for size in node.shape or ())
    if node.type not in DATATYPES:
        return TensorSpec(node.name, node.type, shape)
    return TensorSpec(node.name, DATATYPES[node.type], shape)


def _refuse_nan(feeds: Mapping[str, Array]) -> None:
    for name, array in feeds.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            row, column = (int(index[0]) for index in np.nonzero(~np.isfinite(np.atleast_2d(array)))[:2])
            message = f"{name}, row {row}, column {column}: the model takes neither missing values nor infinities"
            raise InvalidArgument(message, field=name)


def _refuse_fractions(array: Array, columns: list[int], name: str) -> None:
    """A converted encoder would cut a fraction to a whole number without a word."""
    values = array[:, columns]
    wrong = np.isfinite(values) & (values != np.floor(values))
    if wrong.any():
        row, position = (int(index[0]) for index in np.nonzero(wrong))
        message = f"{name}, row {row}, column {columns[position]}: must be a whole number, as all were in fitting"
        raise InvalidArgument(message, field=name)


def _plain(answer: Any) -> Any:
    """Return an output as JSON can say it; sequences of maps (class to probability) get their keys as text."""
    if isinstance(answer, np.ndarray):
        return answer.tolist()
    if isinstance(answer, dict):
        return {str(key): _plain(value) for key, value in answer.items()}
    if isinstance(answer, (list, tuple)):
        return [_plain(item) for item in answer]
    if isinstance(answer, float) and math.isnan(answer):
        return None
    return answer


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:500]
