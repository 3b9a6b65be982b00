"""Between the messages of the contract and the domain."""

from __future__ import annotations

from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.digests import digest_of_file
from orris.names import StorageName, TreeName
from orris_artifacts.amounts import Garbage, Storage
from orris_artifacts.direct import Upload
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.store.port import SignedRequest
from orris_artifacts.trees import Tree

_CENTURY_SECONDS = 100 * 366 * 86_400


def entry_from(message: pb.TreeEntry) -> Entry:
    """Return the entry that a message describes, unchecked."""
    chunks = tuple([Chunk(chunk.digest, chunk.size) for chunk in message.chunks])
    digest = message.digest
    if len(chunks) == 1 and chunks[0].digest == digest:
        digest = chunks[0].digest  # one string instead of two: trees may have a million entries
    return Entry(message.path, message.size, message.mode, digest, chunks)


def entry_message(entry: Entry) -> pb.TreeEntry:
    """Return the message that describes an entry."""
    # Trees of the first version have another digest for files of several chunks; all get the one of the contract.
    digest = digest_of_file([chunk.digest for chunk in entry.chunks])
    message = pb.TreeEntry(path=entry.path, size=entry.size, mode=entry.mode, digest=digest)
    for digest, size in entry.chunks:
        message.chunks.add(digest=digest, size=size)
    return message


def tree_message(tree: Tree) -> pb.Tree:
    """Return the message that describes a tree."""
    name = TreeName(tree.workspace, tree.digest)
    message = pb.Tree(name=str(name), file_count=tree.file_count, total_size=tree.total_size)
    message.create_time.FromDatetime(tree.create_time)
    return message


def upload_message(upload: Upload, request: SignedRequest) -> pb.DirectUpload:
    """Return the message that says how to send a blob directly."""
    return pb.DirectUpload(id=upload.id, digest=upload.digest, size=upload.size, request=_request_message(request))


def download_message(digest: str, request: SignedRequest) -> pb.DirectDownload:
    """Return the message that says how to read a blob directly."""
    return pb.DirectDownload(digest=digest, request=_request_message(request))


def _request_message(request: SignedRequest) -> pb.SignedRequest:
    message = pb.SignedRequest(url=request.url, headers=request.headers)
    message.expire_time.FromDatetime(request.expiry)
    return message


def grace_from(message: Duration) -> timedelta:
    """Return the time that a message gives, a century for any that is longer."""
    seconds = max(-_CENTURY_SECONDS, min(message.seconds, _CENTURY_SECONDS))
    return timedelta(seconds=seconds, microseconds=message.nanos // 1000)


def garbage_message(garbage: Garbage) -> pb.Garbage:
    """Return the message that says how much garbage was found."""
    return pb.Garbage(
        tree_count=garbage.trees,
        blob_count=garbage.blobs,
        blob_bytes=garbage.blob_bytes,
        object_count=garbage.objects,
        object_bytes=garbage.object_bytes,
    )


def storage_message(storage: Storage) -> pb.Storage:
    """Return the message that says how much a workspace keeps."""
    message = pb.Storage(
        name=str(StorageName(storage.workspace)),
        tree_count=storage.trees,
        file_count=storage.files,
        file_bytes=storage.file_bytes,
        blob_count=storage.blobs,
        blob_bytes=storage.blob_bytes,
        damaged_blob_count=storage.damaged_blobs,
        owner_count=storage.owners,
    )
    if storage.collect_time:
        message.collect_time.FromDatetime(storage.collect_time)
    return message
