"""The OpenAPI description of an endpoint."""

from __future__ import annotations

from typing import Any

from orris_inference.signature import Column, ColumnType, Signature

_TYPES: dict[ColumnType, dict[str, Any]] = {
    ColumnType.NUMBER: {"type": "number"},
    ColumnType.INTEGER: {"type": "number"},
    ColumnType.BOOLEAN: {"type": "boolean"},
    ColumnType.TEXT: {"type": "string"},
    ColumnType.ANY: {},
}
_EXAMPLES: dict[ColumnType, Any] = {
    ColumnType.NUMBER: 0.5,
    ColumnType.INTEGER: 1,
    ColumnType.BOOLEAN: True,
    ColumnType.TEXT: "text",
    ColumnType.ANY: 0.5,
}
_ANSWER = "One item a row. JSON knows no NaN and no infinity: they are null."


def describe(endpoint_id: str, signature: Signature, base_url: str) -> dict[str, Any]:
    """Return an OpenAPI 3 document with the model's columns and an example."""
    request = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": _data(signature),
            "method": {"type": "string", "enum": list(signature.methods), "default": signature.methods[0]},
        },
        "example": {"data": _example(signature), "method": signature.methods[0]},
    }
    answers = {
        "200": _answer("The model's answers.", {"type": "array", "items": {}, "description": _ANSWER}),
        "400": _answer(
            "The request is wrong; the message names row and column.", {"$ref": "#/components/schemas/Error"}
        ),
        "401": _answer("No valid key.", {"$ref": "#/components/schemas/Error"}),
        "503": _answer("The endpoint does not answer at present.", {"$ref": "#/components/schemas/Error"}),
    }
    body = {"required": True, "content": {"application/json": {"schema": request}}}
    score = {"operationId": "score", "summary": "Ask the model.", "requestBody": body, "responses": answers}
    return {
        "openapi": "3.0.3",
        "info": {"title": endpoint_id, "version": "1.0"},
        "servers": [{"url": f"{base_url}/api/v1/service/{endpoint_id}"}],
        "security": [{"key": []}],
        "paths": {"/score": {"post": score}},
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": {"type": "object", "properties": {"message": {"type": "string"}}}},
        },
    }


def _data(signature: Signature) -> dict[str, Any]:
    if signature.one_dimensional:
        return {"type": "array", "minItems": 1, "items": {"type": "string"}}
    columns = signature.columns
    if columns is None:
        return {"type": "array", "minItems": 1, "items": {"type": "array", "items": {}}}
    items = [_column(column, signature.accepts_nan) for column in columns]
    same = all(item == items[0] for item in items)
    row = {
        "type": "array",
        "minItems": len(items),
        "maxItems": len(items),
        "items": items[0] if same else {"anyOf": items},
    }
    names = signature.names
    if names is None:
        return {"type": "array", "minItems": 1, "items": row}
    record = {"type": "object", "required": names, "properties": dict(zip(names, items, strict=True))}
    return {"type": "array", "minItems": 1, "items": {"anyOf": [record, row]}}


def _column(column: Column, accepts_nan: bool) -> dict[str, Any]:
    return {**_TYPES[column.type], "nullable": True} if accepts_nan else dict(_TYPES[column.type])


def _example(signature: Signature) -> list[Any]:
    if signature.one_dimensional:
        return ["a text"]
    if signature.columns is None:
        return [[0.5]]
    values = [_EXAMPLES[column.type] for column in signature.columns]
    names = signature.names
    return [values] if names is None else [dict(zip(names, values, strict=True))]


def _answer(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
