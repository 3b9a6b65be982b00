"""The tables: where blobs lie, trees with their entries in pages, what they are called, who needs what, which store."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import JSON, Text, UtcDateTime
from orris_kit.requests import Requests

metadata = sa.MetaData()

# A blob exists when it has a row that is not damaged: its bytes were verified, and lie in `object` from `offset` on.
# `use_time` is when somebody was last told that it is there: what is neither needed nor used is collected.
blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("digest", Text(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("object", Text(200), nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("use_time", UtcDateTime, nullable=False),
    sa.Column("damaged", sa.Boolean, nullable=False),
    sa.Index("blobs_by_object", "object"),
    sa.Index("blobs_by_size", "workspace", "damaged", "size"),
)

trees = sa.Table(
    "trees",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("digest", Text(64), primary_key=True),
    sa.Column("file_count", sa.BigInteger, nullable=False),
    sa.Column("total_size", sa.BigInteger, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("use_time", UtcDateTime, nullable=False),
)

# `last_path` is bytes: text would be compared by the database's locale.
tree_pages = sa.Table(
    "tree_pages",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("tree", Text(64), primary_key=True),
    sa.Column("last_path", sa.LargeBinary, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

# `kind` is "tree" or "blob".
references = sa.Table(
    "reference_targets",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("owner", Text(1024), primary_key=True),
    sa.Column("kind", Text(4), primary_key=True),
    sa.Column("digest", Text(64), primary_key=True),
    sa.Index("reference_targets_by_digest", "workspace", "kind", "digest"),
)

# One row, with key 1: the id that the store has as well, so that no database collects another one's objects.
stores = sa.Table(
    "stores",
    metadata,
    sa.Column("key", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", Text(32), nullable=False),
)

# Who collects a workspace's garbage now, until when at the latest, and when it was last done.
collections = sa.Table(
    "collections",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("holder", Text(32), nullable=False),
    sa.Column("hold_until", UtcDateTime, nullable=False),
    sa.Column("collect_time", UtcDateTime),
)

# The files of a datastore are those of its tree now.
datastores = sa.Table(
    "datastores",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("datastore", Text(255), primary_key=True),
    sa.Column("tree", Text(64), nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("update_time", UtcDateTime, nullable=False),
)

# `last_number` only grows: a number is never used again.
datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("dataset", Text(255), primary_key=True),
    sa.Column("last_number", sa.BigInteger, nullable=False),
)

# `table_definition` is JSON of how the files are read as a table, or, without a format, of what their paths say; empty
# where they are only files. `id` says what both are.
dataset_versions = sa.Table(
    "dataset_versions",
    metadata,
    sa.Column("workspace", Text(33), primary_key=True),
    sa.Column("dataset", Text(255), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", Text(36), nullable=False),
    sa.Column("tree", Text(64), nullable=False),
    sa.Column("table_definition", Text(), nullable=False),
    sa.Column("description", Text(), nullable=False),
    sa.Column("tags", JSON, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
    sa.Column("created_by", Text(), nullable=False),
    sa.Column("run", Text(400), nullable=False),
    sa.Index("dataset_versions_by_id", "workspace", "id"),
)

requests = Requests(metadata)
