"""Who needs which trees and blobs: what somebody needs is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument
from orris.names import BlobName, TreeName
from orris_artifacts import schema
from orris_artifacts.index import Index
from orris_artifacts.limits import MAX_OWNER_CHARACTERS, MAX_REFERENCES, MAX_TARGETS
from orris_artifacts.trees import Trees
from orris_kit.database import Statement, Together, take_turn, write


class _Target(NamedTuple):
    owner: str
    kind: str
    digest: str


class References:
    """The references in a database, to trees and blobs."""

    def __init__(self, engine: sa.Engine, index: Index, trees: Trees, together: Together | None = None) -> None:
        self._engine = engine
        self._together = together or Together(engine)
        self._index = index
        self._trees = trees

    def set(self, workspace: str, owner: str, trees: Sequence[str], blobs: Sequence[str]) -> None:
        """Set what an owner needs (resource names), instead of what it needed before.

        Raises InvalidArgument, FailedPrecondition (TARGET_MISSING).
        """
        self.set_all(workspace, [(owner, trees, blobs)])

    def set_all(self, workspace: str, needs: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> None:
        """Do so for several owners: each with the trees and the blobs that it needs. All of them, or none.

        Raises InvalidArgument, FailedPrecondition (TARGET_MISSING).
        """
        # Each run that is submitted has one set.
        self._together.write(self.setting(workspace, needs))

    def setting(
        self, workspace: str, needs: Sequence[tuple[str, Sequence[str], Sequence[str]]]
    ) -> Callable[[sa.Connection], None]:
        """Return what does so in a transaction, which raises FailedPrecondition. Raises InvalidArgument."""
        targets = _targets(workspace, needs)
        owners = sorted({owner for owner, _, _ in needs})
        trees, blobs = ({each.digest for each in targets if each.kind == kind} for kind in ("tree", "blob"))

        def set_them(connection: sa.Connection) -> None:
            for owner in owners:
                take_turn_of(connection, workspace, owner)
            # Blobs before trees, as who creates a tree does: nobody waits in a ring.
            _check_there("blobs", workspace, blobs, self._index.hold(connection, workspace, blobs))
            self._trees_are_there(connection, workspace, trees)
            _drop(connection, workspace, owners)
            _INSERT.run_all(connection, [{"workspace": workspace, **target._asdict()} for target in targets])

        return set_them

    def set_tree(self, connection: sa.Connection, workspace: str, owner: str, digest: str) -> None:
        """Set that an owner needs a tree and nothing else, in the transaction that records why.

        Raises FailedPrecondition (TARGET_MISSING).
        """
        self._trees_are_there(connection, workspace, [digest])
        _drop(connection, workspace, [owner])
        row = {"workspace": workspace, "owner": owner, "kind": "tree", "digest": digest}
        connection.execute(schema.references.insert().values(row))

    def drop(self, connection: sa.Connection, workspace: str, owner: str) -> None:
        """Drop what an owner needed, in the transaction that forgets it."""
        _drop(connection, workspace, [owner])

    def _trees_are_there(self, connection: sa.Connection, workspace: str, digests: Collection[str]) -> None:
        _check_there("trees", workspace, digests, self._trees.hold(connection, workspace, digests))

    def delete(self, workspace: str, owner: str) -> None:
        """Drop what an owner needed, if anything. Raises InvalidArgument."""
        _check_owner(workspace, owner)
        with write(self._engine) as connection:
            take_turn_of(connection, workspace, owner)
            _drop(connection, workspace, [owner])


def take_turn_of(connection: sa.Connection, workspace: str, owner: str) -> None:
    """Let what an owner asks for be done in this order, also where it did not wait for the first to be done."""
    take_turn(connection, "reference", workspace, owner)


def _drop(connection: sa.Connection, workspace: str, owners: Sequence[str]) -> None:
    _DROP.run_all(connection, [{"of_workspace": workspace, "of_owner": owner} for owner in owners])


def _targets(workspace: str, needs: Sequence[tuple[str, Sequence[str], Sequence[str]]]) -> list[_Target]:
    """Return what the owners need; of one that is there twice, what it needs last. Raises InvalidArgument."""
    if len(needs) > MAX_REFERENCES:
        message = f"{len(needs)} references are too many for one call; at most {MAX_REFERENCES}"
        raise InvalidArgument(message, field="references", reason="TOO_MANY_TARGETS")
    found: dict[str, list[_Target]] = {}
    for owner, trees, blobs in needs:
        _check_owner(workspace, owner)
        tree_names = [TreeName.parse(name, field="reference.trees") for name in trees]
        blob_names = [BlobName.parse(name, field="reference.blobs") for name in blobs]
        found[owner] = [
            _Target(owner, kind, digest)
            for kind, names in (("tree", tree_names), ("blob", blob_names))
            for digest in _digests(workspace, names)
        ]
    return [target for targets in found.values() for target in targets]


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


def _check_there(kind: str, workspace: str, wanted: Collection[str], stored: Container[str]) -> None:
    for digest in wanted:
        if digest not in stored:
            message = f"workspaces/{workspace}/{kind}/{digest} is not stored; create it before referring to it"
            raise FailedPrecondition(message, reason="TARGET_MISSING", metadata={"digest": digest})


_OF = schema.references.c
_DROP = Statement(
    schema.references.delete().where(
        _OF.workspace == sa.bindparam("of_workspace"), _OF.owner == sa.bindparam("of_owner")
    )
)
_INSERT = Statement(schema.references.insert())
