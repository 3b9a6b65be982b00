"""Requests and answers of the Open Inference Protocol over gRPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orris.errors import InvalidArgument
from orris.inference.v2 import open_inference_pb2 as pb
from orris_inference.tensors import Array, datatype_of, dtype_of, from_raw, from_texts, from_values, text_bytes, to_raw

CONTENTS = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}


def read_inputs(request: pb.ModelInferRequest) -> dict[str, Array]:
    """Return a request's inputs by name. Raises InvalidArgument that names the input."""
    inputs = request.inputs
    raw = request.raw_input_contents
    if raw and len(raw) != len(inputs):
        message = f"raw_input_contents: {len(raw)} items for {len(inputs)} inputs; send one for each"
        raise InvalidArgument(message, field="raw_input_contents")
    arrays: dict[str, Array] = {}
    for index, tensor in enumerate(inputs):
        name = tensor.name
        if name in arrays:
            raise InvalidArgument(f"inputs: {name[:100]!r} is there twice", field="inputs")
        if raw:
            arrays[name] = from_raw(raw[index], tensor.datatype, tensor.shape, name)
        else:
            arrays[name] = _from_contents(tensor)
    return arrays


def write_answer(
    request: pb.ModelInferRequest, version: str, names: Sequence[str], arrays: Sequence[Array]
) -> pb.ModelInferResponse:
    """Return the answer; raw where the request was raw."""
    response = pb.ModelInferResponse(model_name=request.model_name, model_version=version, id=request.id)
    raw = len(request.raw_input_contents) > 0
    for name, array in zip(names, arrays, strict=True):
        datatype = datatype_of(array)
        tensor = response.outputs.add(name=name, datatype=datatype, shape=array.shape)
        if raw or datatype not in CONTENTS:
            response.raw_output_contents.append(to_raw(array))
        else:
            _fill(tensor.contents, datatype, array)
    return response


def _from_contents(tensor: Any) -> Array:
    name, datatype = tensor.name, tensor.datatype
    dtype_of(datatype, name)
    if datatype not in CONTENTS:
        raise InvalidArgument(f"{name}: {datatype} goes into raw_input_contents only", field=name)
    values = getattr(tensor.contents, CONTENTS[datatype])
    if datatype == "BYTES":
        return from_texts(values, tensor.shape, name)
    return from_values(values, datatype, tensor.shape, name)


def _fill(contents: Any, datatype: str, array: Array) -> None:
    values = map(text_bytes, array.ravel()) if datatype == "BYTES" else array.ravel().tolist()
    getattr(contents, CONTENTS[datatype]).extend(values)
