"""Between the messages of the contract and the domain."""

from __future__ import annotations

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.names import TreeName
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.trees import Tree


def entry_from(message: pb.TreeEntry) -> Entry:
    """Return the entry that a message describes, unchecked."""
    chunks = tuple([Chunk(chunk.digest, chunk.size) for chunk in message.chunks])
    digest = message.digest
    if len(chunks) == 1 and chunks[0].digest == digest:
        digest = chunks[0].digest  # one string instead of two: trees may have a million entries
    return Entry(message.path, message.size, message.mode, digest, chunks)


def entry_message(entry: Entry) -> pb.TreeEntry:
    """Return the message that describes an entry."""
    message = pb.TreeEntry(path=entry.path, size=entry.size, mode=entry.mode, digest=entry.digest)
    for digest, size in entry.chunks:
        message.chunks.add(digest=digest, size=size)
    return message


def tree_message(tree: Tree) -> pb.Tree:
    """Return the message that describes a tree."""
    name = TreeName(tree.workspace, tree.digest)
    message = pb.Tree(name=str(name), file_count=tree.file_count, total_size=tree.total_size)
    message.create_time.FromDatetime(tree.create_time)
    return message
