"""The tables: where blobs lie, trees with their entries in pages, who needs what, and which store all this is about."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import Text, UtcDateTime

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
