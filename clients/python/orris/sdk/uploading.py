"""Store files: ask what the server does not have yet, send that, make the tree."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import FailedPrecondition, NotFound
from orris.sdk.content import Content
from orris.sdk.digest_cache import DigestCache
from orris.sdk.hashing import HASHERS, Hasher, known_entries
from orris.sdk.parallel import OnProgress, Progress
from orris.sdk.pieces import Piece, tree_digest
from orris.sdk.recent_trees import RecentTrees
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.sending import CALL_SECONDS, Sender, groups
from orris.sdk.small_files import read_small
from orris.tree_paths import check_collisions, check_path

# How much is asked for at a time: the first piece travels when so much is hashed.
SPAN_BYTES = 256 * 1024 * 1024
SPAN_PIECES = 5000
ENTRIES_BYTES = 1024 * 1024
# How often files are read again because they changed between hashing and sending.
ATTEMPTS = 3
TREE_SECONDS = 600.0


class Uploader:
    """Uploads to one workspace."""

    def __init__(
        self, stub: ArtifactServiceStub, parent: str, sleep: Sleep = time.sleep, recent: RecentTrees | None = None
    ) -> None:
        self._stub = stub
        self._parent = parent
        self._sleep = sleep
        self._recent = RecentTrees() if recent is None else recent

    def upload(
        self,
        files: Mapping[str, Content],
        listener: OnProgress | None = None,
        cache: DigestCache | None = None,
        *,
        believing: bool = False,
    ) -> pb.Tree:
        """Store files by their paths; return their tree, as it was a moment ago for those who are `believing` that.

        Raises InvalidArgument (INVALID_PATH), FailedPrecondition (FILE_CHANGES, FILE_UNREADABLE).
        """
        for path in files:
            check_path(path)
        check_collisions(files)
        progress = Progress(sum(content.size for content in files.values()), listener)
        try:
            tree = (
                self._upload_at_once(files, cache, believing)
                or (self._told(known_entries(files, cache)) if believing and self._recent else None)
                or self._upload_in_pieces(files, cache, progress)
            )
            progress.finish()
            return tree
        finally:
            if cache is not None:
                cache.save()

    def create(self, entries: Collection[pb.TreeEntry], blobs: Sequence[bytes] = ()) -> pb.Tree:
        """Create a tree of entries whose blobs are stored, or given."""
        response = repeat(
            lambda: self._stub.CreateTree(_tree_messages(self._parent, entries, blobs), timeout=TREE_SECONDS),
            self._sleep,
        )
        self._recent.keep(response.tree)
        return response.tree

    def _upload_at_once(
        self, files: Mapping[str, Content], cache: DigestCache | None, believing: bool
    ) -> pb.Tree | None:
        """Store a few small files; return their tree, None where they are to be stored in pieces."""
        if (small := read_small(files, cache)) is None:
            return None
        if believing and (told := self._told(small.entries)):
            return told
        if small.all_known:
            return self._existing(small.entries)
        try:
            return self.create(small.entries, small.blobs)
        except FailedPrecondition as error:
            # What was known is not there any more, or the server is from before bytes came with their tree.
            if error.reason != "BLOBS_MISSING":
                raise
            return None

    def _upload_in_pieces(self, files: Mapping[str, Content], cache: DigestCache | None, progress: Progress) -> pb.Tree:
        with (
            ThreadPoolExecutor(HASHERS, thread_name_prefix="hash") as pool,
            Sender(self._stub, self._parent, progress, self._sleep) as sender,
        ):
            try:
                return self._upload(files, Hasher(pool, cache), sender, progress)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _upload(self, files: Mapping[str, Content], hasher: Hasher, sender: Sender, progress: Progress) -> pb.Tree:
        pieces = hasher.pieces(files)
        attempts = ATTEMPTS
        while True:
            attempts -= 1
            all_stored = self._send_missing(pieces, sender, progress)
            if changed := hasher.changed | sender.finish():
                if not attempts:
                    raise _changes(min(changed))
                pieces = hasher.hash({path: files[path].anew() for path in changed})
                continue
            entries = hasher.entries.values()
            try:
                return (self._existing(entries) if all_stored else None) or self.create(entries)
            except FailedPrecondition as error:
                if error.reason != "BLOBS_MISSING" or not attempts:
                    raise
                pieces = hasher.known_pieces(files)

    def _send_missing(self, pieces: Iterable[Piece], sender: Sender, progress: Progress) -> bool:
        """Send those of the pieces that the server misses; return whether it has had all of them."""
        seen: set[str] = set()
        all_stored = True
        for span in groups(pieces, SPAN_BYTES, SPAN_PIECES):
            new = {piece.digest: piece for piece in span if piece.digest not in seen}
            seen |= new.keys()
            absent = self._missing(new)
            missing = [piece for digest, piece in new.items() if digest in absent]
            progress.add(sum(piece.size for piece in span) - sum(piece.size for piece in missing))
            sender.send(missing)
            all_stored = all_stored and not missing
        return all_stored

    def _missing(self, digests: Iterable[str]) -> set[str]:
        request = rpc.FindMissingBlobsRequest(parent=self._parent, digests=digests)
        found = repeat(lambda: self._stub.FindMissingBlobs(request, timeout=CALL_SECONDS), self._sleep)
        return set(found.missing_digests)

    def _existing(self, entries: Iterable[pb.TreeEntry]) -> pb.Tree | None:
        """Return the tree of these entries, if there is one: its digest says more briefly what it holds."""
        request = rpc.GetTreeRequest(name=self._name(entries))
        try:
            tree = repeat(lambda: self._stub.GetTree(request, timeout=CALL_SECONDS), self._sleep).tree
        except NotFound:
            return None
        self._recent.keep(tree)
        return tree

    def _told(self, entries: Iterable[pb.TreeEntry] | None) -> pb.Tree | None:
        """Return the tree of these entries, if the service said a moment ago that it is there."""
        return None if entries is None else self._recent.find(self._name(entries))

    def _name(self, entries: Iterable[pb.TreeEntry]) -> str:
        return f"{self._parent}/trees/{tree_digest(entries)}"


def _tree_messages(
    parent: str, entries: Iterable[pb.TreeEntry], blobs: Sequence[bytes] = ()
) -> Iterator[rpc.CreateTreeRequest]:
    message = rpc.CreateTreeRequest(parent=parent, blobs=blobs)
    room = ENTRIES_BYTES
    for entry in entries:
        size = entry.ByteSize()
        if message.entries and size > room:
            yield message
            message, room = rpc.CreateTreeRequest(), ENTRIES_BYTES
        message.entries.append(entry)
        room -= size
    yield message


def _changes(path: str) -> FailedPrecondition:
    message = f"{path} changes while it is being read; upload it when its writer has finished"
    return FailedPrecondition(message, reason="FILE_CHANGES")
