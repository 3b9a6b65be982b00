"""The tables: endpoints, their deployments, what they have logged, and what was counted."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import JSON, Text, UtcDateTime
from orris_kit.requests import Requests

metadata = sa.MetaData()

# `uid` tells an endpoint from a later one of the same id; `generation` counts its deployments.
endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", Text(32), primary_key=True),
    sa.Column("uid", Text(32), nullable=False, unique=True),
    sa.Column("workspace", Text(33), nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("model_version", Text(700), nullable=False),
    sa.Column("state", Text(20), nullable=False),
    sa.Column("error", Text(), nullable=False),
    sa.Column("backend", Text(10), nullable=False),
    sa.Column("methods", JSON, nullable=False),
    sa.Column("replica", Text(400), nullable=False),
    sa.Column("auth_enabled", sa.Boolean, nullable=True),
    sa.Column("primary_key", Text(64), nullable=False),
    sa.Column("secondary_key", Text(64), nullable=False),
    sa.Column("description", Text(), nullable=False),
    sa.Column("tags", JSON, nullable=False),
    sa.Column("created_by", Text(400), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
    sa.Column("model_versions", JSON, nullable=False),
    sa.Column("code", JSON, nullable=False),
    sa.Column("resources", JSON, nullable=False),
    sa.Column("isolation", Text(10), nullable=False),
)

# A deployment outlives its endpoint until its replica is ended and its model released.
# `attempt` counts its replicas; `log_offset` is how much of the present one's log was copied.
deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("uid", Text(32), primary_key=True),
    sa.Column("endpoint", Text(32), nullable=False, index=True),
    sa.Column("endpoint_uid", Text(32), nullable=False),
    sa.Column("workspace", Text(33), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("model_version", Text(700), nullable=False),
    sa.Column("phase", Text(10), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("secret", Text(64), nullable=False),
    sa.Column("replica", Text(400), nullable=False),
    sa.Column("log_offset", sa.BigInteger, nullable=False),
    sa.Column("model_versions", JSON, nullable=False),
    sa.Column("code", JSON, nullable=False),
    sa.Column("resources", JSON, nullable=False),
    sa.Column("isolation", Text(10), nullable=False),
)

log_pieces = sa.Table(
    "log_pieces",
    metadata,
    sa.Column("endpoint_uid", Text(32), primary_key=True),
    sa.Column("begin", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("end", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

# What `statistics.py` and `drift.py` have counted, as JSON.
counts = sa.Table(
    "counts",
    metadata,
    sa.Column("endpoint_uid", Text(32), primary_key=True),
    sa.Column("counts", Text(), nullable=False),
)

requests = Requests(metadata)
