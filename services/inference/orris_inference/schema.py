"""The tables: endpoints, their deployments, and what they have logged."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import UtcDateTime
from orris_kit.requests import Requests

metadata = sa.MetaData()

# `uid` tells an endpoint from a later one of the same id; `generation` counts its deployments.
endpoints = sa.Table(
    "endpoints",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("uid", sa.String(32), nullable=False, unique=True),
    sa.Column("workspace", sa.String(33), nullable=False, index=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("model_version", sa.String(700), nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("backend", sa.String(10), nullable=False),
    sa.Column("methods", sa.JSON, nullable=False),
    sa.Column("replica", sa.String(400), nullable=False),
    sa.Column("auth_enabled", sa.Boolean, nullable=True),
    sa.Column("primary_key", sa.String(64), nullable=False),
    sa.Column("secondary_key", sa.String(64), nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("tags", sa.JSON, nullable=False),
    sa.Column("created_by", sa.String(400), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
)

# A deployment outlives its endpoint until its replica is ended and its model released.
# `attempt` counts its replicas; `log_offset` is how much of the present one's log was copied.
deployments = sa.Table(
    "deployments",
    metadata,
    sa.Column("uid", sa.String(32), primary_key=True),
    sa.Column("endpoint", sa.String(32), nullable=False, index=True),
    sa.Column("endpoint_uid", sa.String(32), nullable=False),
    sa.Column("workspace", sa.String(33), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("model_version", sa.String(700), nullable=False),
    sa.Column("phase", sa.String(10), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("secret", sa.String(64), nullable=False),
    sa.Column("replica", sa.String(400), nullable=False),
    sa.Column("log_offset", sa.BigInteger, nullable=False),
)

log_pieces = sa.Table(
    "log_pieces",
    metadata,
    sa.Column("endpoint_uid", sa.String(32), primary_key=True),
    sa.Column("begin", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("end", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

requests = Requests(metadata)
