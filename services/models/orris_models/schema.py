"""The tables: models with their last number, versions, tags, who uses what, and references to look after."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import JSON, Text, UtcDateTime
from orris_kit.requests import Requests

metadata = sa.MetaData()


def _key() -> list[sa.Column[object]]:
    return [
        sa.Column("workspace", Text(33), primary_key=True),
        sa.Column("model", Text(255), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    ]


# `last_number` only grows: a number is never used again.
models = sa.Table(
    "models",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("model", Text(255), primary_key=True),
    sa.Column("last_number", sa.BigInteger, nullable=False),
)

# `content`, `signature` and `conversion` are JSON of the classes in model.py, without what has a column or table here.
versions = sa.Table(
    "model_versions",
    metadata,
    *_key(),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("run", Text(400), nullable=False),
    sa.Column("conversion_state", Text(20), nullable=False, index=True),
    sa.Column("content", JSON, nullable=False),
    sa.Column("signature", JSON),
    sa.Column("conversion", JSON, nullable=False),
    sa.Index("model_versions_by_run", "workspace", "run"),
)

tags = sa.Table(
    "model_tags",
    metadata,
    *_key(),
    sa.Column("key", Text(255), primary_key=True),
    sa.Column("value", Text(), nullable=False),
    sa.Index("model_tags_by_key", "workspace", "key"),
)

uses = sa.Table("model_uses", metadata, *_key(), sa.Column("user", Text(400), primary_key=True))

# References at `artifacts` whose version is not committed yet, or not any more: dropped at the next start.
loose_references = sa.Table("loose_references", metadata, *_key())

requests = Requests(metadata)
