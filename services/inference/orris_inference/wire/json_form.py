"""Requests and answers of the Open Inference Protocol over REST, without its binary extension."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from orris.errors import InvalidArgument
from orris_inference.tensors import Array, datatype_of, dtype_of, from_texts, from_values


def read_request(body: bytes) -> tuple[dict[str, Array], list[str], str]:
    """Return the inputs by name, the outputs asked for (empty: all) and the request's id. Raises InvalidArgument."""
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidArgument("the body is not JSON", field="body") from error
    if not isinstance(request, dict) or not isinstance(request.get("inputs"), list) or not request["inputs"]:
        raise InvalidArgument('the body must be a JSON object with a list "inputs"', field="inputs")
    arrays: dict[str, Array] = {}
    for index, item in enumerate(request["inputs"]):
        name, array = _read_tensor(item, f"inputs[{index}]")
        if name in arrays:
            raise InvalidArgument(f"inputs: {name[:100]!r} is there twice", field="inputs")
        arrays[name] = array
    return arrays, _outputs(request.get("outputs")), str(request.get("id", ""))[:200]


def write_answer(model: str, version: str, request_id: str, names: Sequence[str], arrays: Sequence[Array]) -> bytes:
    """Return the answer's body. JSON knows no NaN and no infinity: they become null."""
    outputs = [
        {"name": name, "datatype": datatype_of(array), "shape": list(array.shape), "data": _values(array)}
        for name, array in zip(names, arrays, strict=True)
    ]
    answer = {"model_name": model, "model_version": version, "outputs": outputs}
    if request_id:
        answer["id"] = request_id
    return json.dumps(answer, separators=(",", ":")).encode()


def _read_tensor(item: Any, where: str) -> tuple[str, Array]:
    if not isinstance(item, dict):
        raise InvalidArgument(f"{where}: must be an object with name, datatype, shape and data", field=where)
    name, datatype, shape, data = (item.get(key) for key in ("name", "datatype", "shape", "data"))
    if not isinstance(name, str) or not isinstance(datatype, str) or not isinstance(data, list):
        raise InvalidArgument(f"{where}: name and datatype must be text, data a list", field=where)
    if not isinstance(shape, list) or not all(type(size) is int for size in shape):
        raise InvalidArgument(f"{name}: shape must be a list of whole numbers", field=name)
    dtype = dtype_of(datatype, name)
    values = _flat(data, name)
    if datatype == "BYTES":
        if not all(isinstance(value, str) for value in values):
            raise InvalidArgument(f"{name}: BYTES must be texts", field=name)
        return name, from_texts(values, shape, name)
    allowed: tuple[type, ...] = {"b": (bool,), "f": (int, float, type(None))}.get(dtype.kind, (int,))
    if not all(type(value) in allowed for value in values):
        raise InvalidArgument(f"{name}: a value is no {datatype}", field=name)
    return name, from_values([math.nan if value is None else value for value in values], datatype, shape, name)


def _flat(data: list[Any], name: str) -> list[Any]:
    """Return the values of nested or flat lists, in row-major order."""
    while data and isinstance(data[0], list):
        if not all(isinstance(item, list) for item in data):
            raise InvalidArgument(f"{name}: data must be nested evenly", field=name)
        data = [value for item in data for value in item]
    return data


def _outputs(wanted: Any) -> list[str]:
    if wanted is None:
        return []
    if not isinstance(wanted, list) or not all(isinstance(item, dict) and "name" in item for item in wanted):
        raise InvalidArgument('outputs must be a list of objects with a "name"', field="outputs")
    return [str(item["name"]) for item in wanted]


def _values(array: Array) -> list[Any]:
    values: list[Any] = array.ravel().tolist()
    if array.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in values]
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
