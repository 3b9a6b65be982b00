"""Versions as rows."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from orris_models import schema
from orris_models.model import (
    Column,
    Conversion,
    Draft,
    Framework,
    Parity,
    Resources,
    Signature,
    State,
    Version,
)


def row_of(version: Version) -> dict[str, Any]:
    """Return a version's row; its tags have a table of their own."""
    return {
        "workspace": version.workspace,
        "model": version.model,
        "number": version.number,
        "create_time": version.create_time,
        "run": version.content.run,
        "content": {**asdict(version.content), "tags": {}},
        **examined_row(version.signature, version.conversion),
    }


def examined_row(signature: Signature | None, conversion: Conversion) -> dict[str, Any]:
    """Return the columns that a conversion changes."""
    end = conversion.end_time
    return {
        "conversion_state": str(conversion.state),
        "signature": asdict(signature) if signature else None,
        "conversion": {**asdict(conversion), "end_time": end.timestamp() if end else None},
    }


def version_of(row: sa.Row[Any], tags: dict[str, str]) -> Version:
    """Return the version that a row holds."""
    content = dict(row.content)
    resources = content.pop("resources")
    framework = Framework(content.pop("framework"))
    draft = Draft(**content, framework=framework, resources=Resources(**resources) if resources else None)
    return Version(
        row.workspace, row.model, row.number, replace(draft, tags=tags), row.create_time,
        _conversion(row.conversion), _signature(row.signature),
    )  # fmt: skip


def load(connection: sa.Connection, rows: list[sa.Row[Any]]) -> list[Version]:
    """Return the versions of some rows with their tags."""
    table = schema.tags.c
    keys = [(row.workspace, row.model, row.number) for row in rows]
    tags: dict[tuple[str, str, int], dict[str, str]] = {key: {} for key in keys}
    for begin in range(0, len(keys), 200):
        some = sa.tuple_(table.workspace, table.model, table.number).in_(keys[begin : begin + 200])
        for tag in connection.execute(sa.select(schema.tags).where(some)):
            tags[tag.workspace, tag.model, tag.number][tag.key] = tag.value
    return [version_of(row, tags[key]) for row, key in zip(rows, keys, strict=True)]


def is_version(table: sa.Table, workspace: str, model: str, number: int) -> sa.ColumnElement[bool]:
    """Return the condition that a row is of this version."""
    return sa.and_(table.c.workspace == workspace, table.c.model == model, table.c.number == number)


def _conversion(stored: dict[str, Any]) -> Conversion:
    end = stored["end_time"]
    return Conversion(
        **{
            **stored,
            "state": State(stored["state"]),
            "parity": tuple(Parity(**each) for each in stored["parity"]),
            "end_time": datetime.fromtimestamp(end, UTC) if end is not None else None,
        }
    )


def _signature(stored: dict[str, Any] | None) -> Signature | None:
    if stored is None:
        return None
    return Signature(
        stored["estimator"], tuple(Column(**each) for each in stored["inputs"]), tuple(stored["methods"]),
        stored["accepts_nan"], stored["one_dimensional"], tuple(stored["classes_json"]),
        stored["framework_version"],
    )  # fmt: skip
