"""The tables: trees with their entries in pages, files whose digest was checked, and who needs what."""

from __future__ import annotations

import sqlalchemy as sa

from orris_kit.database import UtcDateTime

metadata = sa.MetaData()

trees = sa.Table(
    "trees",
    metadata,
    sa.Column("workspace", sa.String(33), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("file_count", sa.BigInteger, nullable=False),
    sa.Column("total_size", sa.BigInteger, nullable=False),
    sa.Column("create_time", UtcDateTime, nullable=False),
)

# `last_path` is bytes: text would be compared by the database's locale.
tree_pages = sa.Table(
    "tree_pages",
    metadata,
    sa.Column("workspace", sa.String(33), primary_key=True),
    sa.Column("tree", sa.String(64), primary_key=True),
    sa.Column("last_path", sa.LargeBinary, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)

# Files of several chunks whose SHA-256 was found to be what their entry says; `fingerprint` is of digest and chunks.
checked_files = sa.Table(
    "checked_files",
    metadata,
    sa.Column("workspace", sa.String(33), primary_key=True),
    sa.Column("fingerprint", sa.String(64), primary_key=True),
)

# `kind` is "tree" or "blob".
references = sa.Table(
    "reference_targets",
    metadata,
    sa.Column("workspace", sa.String(33), primary_key=True),
    sa.Column("owner", sa.String(1024), primary_key=True),
    sa.Column("kind", sa.String(4), primary_key=True),
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Index("reference_targets_by_digest", "workspace", "kind", "digest"),
)
