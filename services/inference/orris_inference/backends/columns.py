"""The forms in which a table of columns travels: rows, one tensor `X`, or one tensor for each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orris.errors import InvalidArgument
from orris_inference.signature import Column, ColumnType, Signature
from orris_inference.tensors import Array, TensorSpec, fit

X = "X"
DATATYPES = {
    ColumnType.NUMBER: "FP64",
    ColumnType.INTEGER: "INT64",
    ColumnType.BOOLEAN: "BOOL",
    ColumnType.TEXT: "BYTES",
    ColumnType.ANY: "FP64",
}


def specs_of(signature: Signature) -> tuple[TensorSpec, ...]:
    """Return the tensors of a model whose columns are known: `X` where all are numbers, else one for each."""
    if signature.one_dimensional:
        return (TensorSpec(X, "BYTES", (-1,)),)
    columns = signature.columns
    if columns is None:
        return (TensorSpec(X, "FP64", (-1, -1)),)
    if signature.names is None or not any(column.type is ColumnType.TEXT for column in columns):
        return (TensorSpec(X, "FP64", (-1, len(columns))),)
    return tuple(TensorSpec(column.name, DATATYPES[column.type], (-1, 1)) for column in columns)


def rows_of(inputs: Mapping[str, Array], signature: Signature) -> tuple[list[Any], list[str] | None]:
    """Return rows (or documents) and the columns' names. Raises InvalidArgument that names the input."""
    names = signature.names
    if signature.one_dimensional:
        return _only(inputs, [X]).ravel().tolist(), None
    if names is not None and inputs.keys() == set(names):
        columns = [_flat(inputs[name], name) for name in names]
        return [list(row) for row in zip(*columns, strict=True)] if _same_length(columns) else [], names
    array = _only(inputs, [X] if names is None else [X, *names])
    if array.ndim != 2:
        raise InvalidArgument(f"X: the shape is {list(array.shape)}, the model takes rows and columns", field=X)
    if signature.columns is not None and array.shape[1] != len(signature.columns):
        message = f"X: rows have {array.shape[1]} values, the model takes {len(signature.columns)}"
        raise InvalidArgument(message, field=X)
    return array.tolist(), names


def feeds_of(inputs: Mapping[str, Array], specs: Sequence[TensorSpec], signature: Signature) -> dict[str, Array]:
    """Return what a graph with the inputs `specs` is fed with. Raises InvalidArgument that names the input."""
    if len(specs) == 1 and len(inputs) == 1 and specs[0].name in inputs:  # what most requests are
        name = specs[0].name
        return {name: fit(inputs[name], specs[0], name)}
    if inputs.keys() != {spec.name for spec in specs}:
        inputs = _rearranged(inputs, specs, signature)
    feeds = {spec.name: fit(inputs[spec.name], spec, spec.name) for spec in specs}
    if len({len(array) for array in feeds.values()}) > 1 and all(spec.shape[0] == -1 for spec in specs):
        raise InvalidArgument("inputs: all must have the same number of rows", field="inputs")
    return feeds


def feeds_of_rows(data: list[Any], specs: Sequence[TensorSpec]) -> dict[str, Array]:
    """Return what a graph with the inputs `specs` is fed with for checked rows or documents. Raises InvalidArgument."""
    if len(specs) == 1:
        spec = specs[0]
        array = _array(data, spec)
        if len(spec.shape) == 2 and array.ndim == 1:
            array = array.reshape(-1, 1)
        return {spec.name: fit(array, spec, "data")}
    columns = zip(*data, strict=True)
    return {
        spec.name: fit(_array(list(values), spec).reshape(-1, *[1] * (len(spec.shape) - 1)), spec, spec.name)
        for spec, values in zip(specs, columns, strict=True)
    }


def columns_of(specs: Sequence[TensorSpec]) -> tuple[Column, ...] | None:
    """Return the columns that a graph's inputs stand for; None where that is not known."""
    types = {"BYTES": ColumnType.TEXT, "BOOL": ColumnType.BOOLEAN}
    if len(specs) == 1:
        spec = specs[0]
        width = spec.shape[1] if len(spec.shape) == 2 else -1
        return None if width < 1 else (Column("", types.get(spec.datatype, ColumnType.NUMBER)),) * width
    if not all(len(spec.shape) == 1 or (len(spec.shape) == 2 and spec.shape[1] == 1) for spec in specs):
        return None
    return tuple(Column(spec.name, types.get(spec.datatype, ColumnType.NUMBER)) for spec in specs)


def whole_columns(signature: Signature) -> list[int]:
    """Return the positions of the columns that held whole numbers only when the model was fitted."""
    return [index for index, column in enumerate(signature.columns or ()) if column.type is ColumnType.INTEGER]


def _array(values: list[Any], spec: TensorSpec) -> Array:
    try:
        if spec.datatype == "BYTES":
            array = np.array(values, dtype=object)
            if not all(isinstance(value, str) for value in array.ravel()):
                raise InvalidArgument(f"{spec.name}: the values must be texts", field="data")
            return array
        if spec.datatype.startswith("FP"):
            return np.array(values, dtype="<f8")
        array = np.array(values)
        return array if array.dtype.kind in "biuf" else np.array(values, dtype="<f8")
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"{spec.name}: the values are no table of {spec.datatype}", field="data") from error


def _rearranged(inputs: Mapping[str, Array], specs: Sequence[TensorSpec], signature: Signature) -> Mapping[str, Array]:
    """Return `X` made of columns, or columns made of `X`."""
    expected = [spec.name for spec in specs]
    names = signature.names
    if len(specs) == 1 and names is not None and inputs.keys() == set(names):
        columns = [_flat(inputs[name], name) for name in names]
        if any(column.dtype.kind == "O" for column in columns):
            raise InvalidArgument("inputs: the model takes numbers only", field="inputs")
        return {expected[0]: np.column_stack(columns)} if _same_length(columns) else {}
    if len(specs) > 1 and inputs.keys() == {X} and X not in expected:
        array = inputs[X]
        if array.ndim == 2 and array.shape[1] == len(specs):
            return {name: array[:, [index]] for index, name in enumerate(expected)}
    _refuse(inputs, expected if names is None or len(specs) > 1 else [*expected, *names])
    return inputs


def _only(inputs: Mapping[str, Array], expected: list[str]) -> Array:
    if inputs.keys() != {X}:
        _refuse(inputs, expected)
    return inputs[X]


def _refuse(inputs: Mapping[str, Array], expected: Sequence[str]) -> None:
    given = ", ".join(name[:50] for name in list(inputs)[:20]) or "none"
    message = f"inputs: {given}; the model takes {', '.join(expected[:50])}"
    raise InvalidArgument(message, field="inputs")


def _flat(array: Array, name: str) -> Array:
    if array.ndim == 1 or (array.ndim == 2 and array.shape[1] == 1):
        return array.ravel()
    raise InvalidArgument(f"{name}: the shape is {list(array.shape)}, a column has [rows, 1]", field=name)


def _same_length(columns: Sequence[Array]) -> bool:
    if len({len(column) for column in columns}) != 1:
        raise InvalidArgument("inputs: all columns must have the same number of rows", field="inputs")
    return True
