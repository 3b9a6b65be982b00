"""Who needs which trees and blobs: what somebody needs is kept."""

from __future__ import annotations

import re
from collections.abc import Container, Sequence

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import BlobName, TreeName
from orris_artifacts import schema
from orris_artifacts.index import Index
from orris_artifacts.limits import MAX_OWNER_CHARACTERS, MAX_TARGETS
from orris_artifacts.trees import Trees
from orris_kit.database import Together, take_turn, write


class References:
    """The references in a database, to trees and blobs."""

    def __init__(self, engine: sa.Engine, index: Index, trees: Trees) -> None:
        self._engine = engine
        self._together = Together(engine)
        self._index = index
        self._trees = trees

    def set(self, workspace: str, owner: str, trees: Sequence[str], blobs: Sequence[str]) -> None:
        """Set what an owner needs (resource names), instead of what it needed before.

        Raises InvalidArgument, FailedPrecondition (TARGET_MISSING).
        """
        _check_owner(workspace, owner)
        wanted = {
            "tree": _digests(workspace, [TreeName.parse(name, field="reference.trees") for name in trees]),
            "blob": _digests(workspace, [BlobName.parse(name, field="reference.blobs") for name in blobs]),
        }

        def set_them(connection: sa.Connection) -> None:
            _take_turn(connection, workspace, owner)
            # Blobs before trees, as who creates a tree does: nobody waits in a ring.
            _check_there("blobs", workspace, wanted["blob"], self._index.hold(connection, workspace, wanted["blob"]))
            self._trees_are_there(connection, workspace, wanted["tree"])
            _drop(connection, workspace, owner)
            rows = [
                {"workspace": workspace, "owner": owner, "kind": kind, "digest": digest}
                for kind, digests in wanted.items()
                for digest in digests
            ]
            if rows:
                connection.execute(schema.references.insert(), rows)

        # Each run that is submitted has one set.
        self._together.write(set_them)

    def set_tree(self, connection: sa.Connection, workspace: str, owner: str, digest: str) -> None:
        """Set that an owner needs a tree and nothing else, in the transaction that records why.

        Raises FailedPrecondition (TARGET_MISSING).
        """
        self._trees_are_there(connection, workspace, [digest])
        _drop(connection, workspace, owner)
        row = {"workspace": workspace, "owner": owner, "kind": "tree", "digest": digest}
        connection.execute(schema.references.insert().values(row))

    def drop(self, connection: sa.Connection, workspace: str, owner: str) -> None:
        """Drop what an owner needed, in the transaction that forgets it."""
        _drop(connection, workspace, owner)

    def _trees_are_there(self, connection: sa.Connection, workspace: str, digests: Sequence[str]) -> None:
        _check_there("trees", workspace, digests, self._trees.hold(connection, workspace, digests))

    def delete(self, workspace: str, owner: str) -> None:
        """Drop what an owner needed, if anything. Raises InvalidArgument."""
        _check_owner(workspace, owner)
        with write(self._engine) as connection:
            _take_turn(connection, workspace, owner)
            _drop(connection, workspace, owner)


def _take_turn(connection: sa.Connection, workspace: str, owner: str) -> None:
    """Let what an owner asks for be done in this order, also where it did not wait for the first to be done."""
    take_turn(connection, "reference", workspace, owner)


def _drop(connection: sa.Connection, workspace: str, owner: str) -> None:
    table = schema.references
    connection.execute(table.delete().where(table.c.workspace == workspace, table.c.owner == owner))


def _check_owner(workspace: str, owner: str) -> None:
    prefix = re.escape(f"workspaces/{workspace}/")
    if len(owner) > MAX_OWNER_CHARACTERS or not re.fullmatch(rf"{prefix}[^\x00-\x1f\x7f]+", owner):
        message = f"owner must be the resource name of something in workspaces/{workspace}, not {owner[:100]!r}"
        raise InvalidArgument(message, field="owner")


def _digests(workspace: str, names: Sequence[TreeName] | Sequence[BlobName]) -> list[str]:
    """Return the digests, each once."""
    if len(names) > MAX_TARGETS:
        message = f"{len(names)} targets are too many for one owner; at most {MAX_TARGETS}"
        raise InvalidArgument(message, field="reference", reason="TOO_MANY_TARGETS")
    for name in names:
        if name.workspace != workspace:
            message = f"{name} is of another workspace than its owner"
            raise InvalidArgument(message, field="reference", reason="OTHER_WORKSPACE")
    return list(dict.fromkeys(name.sha256 for name in names))


def _check_there(kind: str, workspace: str, wanted: Sequence[str], stored: Container[str]) -> None:
    for digest in wanted:
        if digest not in stored:
            message = f"workspaces/{workspace}/{kind}/{digest} is not stored; create it before referring to it"
            raise FailedPrecondition(message, reason="TARGET_MISSING", metadata={"digest": digest})
