"""Tensors of the Open Inference Protocol: data types, shapes, and bytes to arrays and back.

Source: https://github.com/kserve/open-inference-protocol. Raw bytes are little-endian in row-major order; an element of
BYTES is preceded by its length in four bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orris.errors import InvalidArgument

Array = NDArray[Any]

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"),
    "UINT8": np.dtype("<u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("<i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BYTES": np.dtype("O"),
}
_DATATYPES = {dtype: name for name, dtype in DTYPES.items()}
_TEXT = frozenset("OUS")


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor that a model takes or gives; -1 in the shape where any size goes."""

    name: str
    datatype: str
    shape: tuple[int, ...]


def dtype_of(datatype: str, field: str) -> np.dtype[Any]:
    """Return numpy's type of a data type. Raises InvalidArgument."""
    try:
        return DTYPES[datatype]
    except KeyError:
        message = f"{field}: {datatype[:40]!r} is none of the data types {', '.join(DTYPES)}"
        raise InvalidArgument(message, field=field) from None


def datatype_of(array: Array) -> str:
    """Return the protocol's data type of an array."""
    return "BYTES" if array.dtype.kind in _TEXT else _DATATYPES[array.dtype]


def from_raw(raw: bytes, datatype: str, shape: Sequence[int], field: str) -> Array:
    """Return the array in raw bytes. Raises InvalidArgument where type, shape and size disagree."""
    dtype = dtype_of(datatype, field)
    count = element_count(shape, field)
    if datatype == "BYTES":
        return from_texts(_split(raw, count, field), shape, field)
    if len(raw) != count * dtype.itemsize:
        message = f"{field}: {len(raw)} bytes, but {datatype} of the shape {list(shape)} has {count * dtype.itemsize}"
        raise InvalidArgument(message, field=field)
    return np.frombuffer(raw, dtype).reshape(shape)


def from_values(values: Any, datatype: str, shape: Sequence[int], field: str) -> Array:
    """Return the array of a flat sequence of numbers or truth values. Raises InvalidArgument."""
    dtype = dtype_of(datatype, field)
    count = element_count(shape, field)
    if len(values) != count:
        raise InvalidArgument(f"{field}: {len(values)} values, but the shape {list(shape)} has {count}", field=field)
    try:
        return np.fromiter(values, dtype, count).reshape(shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"{field}: a value is no {datatype}", field=field) from error


def from_texts(values: Iterable[bytes | str], shape: Sequence[int], field: str) -> Array:
    """Return an array of texts. Raises InvalidArgument for what is no UTF-8."""
    try:
        texts = [value if isinstance(value, str) else value.decode() for value in values]
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{field}: BYTES must be UTF-8 text", field=field) from error
    count = element_count(shape, field)
    if len(texts) != count:
        raise InvalidArgument(f"{field}: {len(texts)} values, but the shape {list(shape)} has {count}", field=field)
    array = np.empty(count, dtype=object)
    array[:] = texts
    return array.reshape(shape)


def to_raw(array: Array) -> bytes:
    """Return an array's raw bytes."""
    if array.dtype.kind not in _TEXT:
        return array.tobytes()
    encoded = [text_bytes(value) for value in array.ravel()]
    return b"".join(len(item).to_bytes(4, "little") + item for item in encoded)


def text_bytes(value: Any) -> bytes:
    """Return an element of BYTES."""
    return value if isinstance(value, bytes) else str(value).encode()


def element_count(shape: Sequence[int], field: str) -> int:
    """Return the number of elements. Raises InvalidArgument for a shape without any."""
    if not shape or min(shape) < 1:
        raise InvalidArgument(f"{field}: the shape {list(shape)} must have sizes of at least 1", field=field)
    return math.prod(shape)


def fit(array: Array, spec: TensorSpec, field: str) -> Array:
    """Return the array as `spec` wants it, converted where nothing is lost but precision. Raises InvalidArgument."""
    shape = array.shape
    fits = len(shape) == len(spec.shape)
    if fits:
        for have, want in zip(shape, spec.shape, strict=True):
            if want not in (-1, have):
                fits = False
    if not fits:
        message = f"{field}: the shape is {list(array.shape)}, the model takes {list(spec.shape)}"
        raise InvalidArgument(message, field=field)
    dtype = DTYPES[spec.datatype]
    if array.dtype == dtype:
        return array
    if np.can_cast(array.dtype, dtype, "same_kind") and array.dtype.kind != "O" and dtype.kind != "O":
        return array.astype(dtype)
    if dtype.kind in "iu?" and array.dtype.kind in "iuf":
        with np.errstate(invalid="ignore"):
            whole = array.astype(dtype)
        if np.array_equal(whole, array):
            return whole
    have = datatype_of(array)
    raise InvalidArgument(f"{field}: the values are {have}, the model takes {spec.datatype}", field=field)


def _split(raw: bytes, count: int, field: str) -> list[bytes]:
    """Return the elements of raw BYTES; each is preceded by its length."""
    items: list[bytes] = []
    position = 0
    while position < len(raw) and len(items) <= count:
        length = int.from_bytes(raw[position : position + 4], "little")
        items.append(raw[position + 4 : position + 4 + length])
        position += 4 + length
    if position != len(raw):
        raise InvalidArgument(f"{field}: raw BYTES must be elements with their length in four bytes each", field=field)
    return items
