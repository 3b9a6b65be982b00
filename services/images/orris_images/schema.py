"""The tables: environments, the locks of their specifications, builds with their logs, images."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import Text, UtcDateTime
from orris_kit.requests import Requests

metadata = sa.MetaData()
requests = Requests(metadata)

# `message` is the specification as it was sent, `spec` what it means (spec_text); `digest` is that of the spec.
environments = sa.Table(
    "environments",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("environment", Text(255), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", Text(64), nullable=False),
    sa.Column("spec", Text(), nullable=False),
    sa.Column("message", sa.LargeBinary, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
)

# The one lock of a specification, whatever environments have it: replaced by a refresh only.
locks = sa.Table(
    "locks",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("digest", Text(64), primary_key=True),
    sa.Column("image", Text(128), nullable=False),
    sa.Column("lock", Text(), nullable=False),
)

# `collect_time` is when what it is made of was removed: what is left is its lock, from which it is made again.
images = sa.Table(
    "images",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("image", Text(128), primary_key=True),
    sa.Column("lock", Text(), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("reference", Text(1000), nullable=False),
    sa.Column("use_time", UtcDateTime, nullable=False),
    sa.Column("collect_time", UtcDateTime),
    sa.Index("images_by_age", "workspace", "create_time", "image"),
)

# Which images an owner, by its resource name, needs.
references = sa.Table(
    "references",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("owner", Text(1024), primary_key=True),
    sa.Column("image", Text(128), primary_key=True),
    sa.Index("references_by_image", "workspace", "image"),
)

# `target` is `<environment>/versions/<version>`, the same with ` + <packages>` added, `overlay/<digest>`, or
# `image/<id>` where one is made again from its lock; `state` is a number of records.State.
builds = sa.Table(
    "builds",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("build", Text(128), primary_key=True),
    sa.Column("target", Text(600), nullable=False),
    sa.Column("digest", Text(64), nullable=False),
    sa.Column("spec", Text(), nullable=False),
    sa.Column("refresh", sa.Boolean, nullable=False),
    sa.Column("state", sa.Integer, nullable=False, index=True),
    sa.Column("image", Text(128), nullable=False),
    sa.Column("cached", sa.Boolean, nullable=False),
    sa.Column("error", Text(), nullable=False),
    sa.Column("warnings", Text(), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("start_time", UtcDateTime),
    sa.Column("end_time", UtcDateTime),
    sa.Column("progress_percent", sa.Integer, nullable=False),
    sa.Column("progress", Text(200), nullable=False),
    sa.Index("builds_by_age", "workspace", "create_time", "build"),
    sa.Index("builds_by_target", "workspace", "target", "create_time"),
)

# The bytes of a log from `first` to before `after`.
build_log = sa.Table(
    "build_log",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("build", Text(128), primary_key=True),
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("after", sa.BigInteger, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
