"""The rules of trees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, OrrisError, ResourceExhausted
from orris_artifacts import draft as draft_module
from orris_artifacts.core import Artifacts
from orris_artifacts.draft import Room
from orris_artifacts.index import Index
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.trees import Tree
from tests.unit.artifacts.conftest import NOW, Clock


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def composite(*chunks: bytes) -> str:
    """Return the digest of a file, as the contract describes it."""
    if len(chunks) < 2:
        return digest_of(b"".join(chunks))
    return digest_of(b"".join(hashlib.sha256(chunk).digest() for chunk in chunks))


def stored(core: Artifacts, path: str, *chunks: bytes, mode: int = 0o644, workspace: str = "lab") -> Entry:
    for chunk in chunks:
        core.blobs.put(workspace, digest_of(chunk), chunk)
    made = tuple(Chunk(digest_of(chunk), len(chunk)) for chunk in chunks)
    return Entry(path, sum(map(len, chunks)), mode, composite(*chunks), made)


def create(core: Artifacts, *entries: Entry, workspace: str = "lab") -> Tree:
    draft = core.trees.draft(workspace)
    try:
        for entry in entries:
            draft.add([entry])
        return core.trees.create(draft)
    finally:
        draft.close()


def listed(core: Artifacts, tree: Tree, path: str = "", limit: int = 1000) -> Iterable[Entry]:
    after, more = "", True
    while more:
        entries, more = core.trees.entries(tree, path, after, limit)
        assert len(entries) <= limit
        yield from entries
        after = entries[-1].path if entries else ""


def test_the_digest_is_that_of_the_manifest_the_contract_describes(core: Artifacts) -> None:
    b = stored(core, "b/x.bin", b"one", b"two", mode=0o755)
    a = stored(core, "a.txt", b"hello")
    e = stored(core, "empty")
    lines = [
        ["a.txt", "644", "5", digest_of(b"hello"), digest_of(b"hello")],
        ["b/x.bin", "755", "6", composite(b"one", b"two"), f"{digest_of(b'one')},{digest_of(b'two')}"],
        ["empty", "644", "0", digest_of(b""), ""],
    ]
    manifest = "".join("\0".join(line) + "\n" for line in lines)
    tree = create(core, b, e, a)
    assert tree == Tree("lab", digest_of(manifest.encode()), 3, 11, NOW, NOW)
    assert list(listed(core, tree)) == [a, b, e]


def test_order_and_repetition_do_not_matter(core: Artifacts) -> None:
    entries = [stored(core, name, name.encode()) for name in ("c", "a", "b")]
    assert create(core, *entries) == create(core, *reversed(entries))


def test_a_tree_may_be_empty(core: Artifacts) -> None:
    tree = create(core)
    assert (tree.digest, tree.file_count) == (digest_of(b""), 0)
    assert list(listed(core, tree)) == []


def test_an_unknown_tree_is_not_found_and_neither_is_one_of_another_workspace(core: Artifacts) -> None:
    tree = create(core, stored(core, "a", b"a"))
    for workspace, digest in (("lab", "0" * 64), ("other", tree.digest)):
        with pytest.raises(NotFound) as caught:
            core.trees.get(workspace, digest)
        assert caught.value.reason == "TREE_NOT_FOUND"


GOOD = Entry("a", 5, 0o644, digest_of(b"hello"), (Chunk(digest_of(b"hello"), 5),))
TWO = Entry("a", 6, 0o644, composite(b"one", b"two"), (Chunk(digest_of(b"one"), 3), Chunk(digest_of(b"two"), 3)))
TWICE = Entry("a", 10, 0o644, composite(b"hello", b"hello"), GOOD.chunks * 2)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (replace(GOOD, path="../a"), "INVALID_PATH"),
        (replace(GOOD, mode=0o1777), "INVALID_ENTRY"),
        (replace(GOOD, mode=-1), "INVALID_ENTRY"),
        (replace(GOOD, size=4), "INVALID_ENTRY"),
        (replace(GOOD, size=-5), "INVALID_ENTRY"),
        (replace(GOOD, digest=digest_of(b"other")), "DIGEST_MISMATCH"),
        (replace(GOOD, digest="../../etc/passwd"), "INVALID_DIGEST"),
        (replace(GOOD, chunks=(Chunk("../" * 21 + "a", 5),)), "INVALID_DIGEST"),
        (replace(GOOD, chunks=(Chunk(GOOD.digest, 0),), size=0), "INVALID_ENTRY"),
        (replace(GOOD, chunks=(Chunk(GOOD.digest, 10), Chunk(GOOD.digest, -5))), "INVALID_ENTRY"),
        (replace(GOOD, chunks=(Chunk(GOOD.digest, 2**24 + 1),), size=2**24 + 1), "INVALID_ENTRY"),
        (replace(GOOD, chunks=()), "INVALID_ENTRY"),
        (replace(GOOD, chunks=(), size=0), "DIGEST_MISMATCH"),
        (replace(GOOD, chunks=(Chunk(GOOD.digest, 6),), size=6), "SIZE_MISMATCH"),
        (replace(TWO, chunks=(Chunk(TWO.chunks[0].digest, 4), TWO.chunks[1]), size=7), "SIZE_MISMATCH"),
        (replace(TWICE, chunks=(Chunk(GOOD.digest, 5), Chunk(GOOD.digest, 4)), size=9), "SIZE_MISMATCH"),
        (replace(GOOD, chunks=(Chunk(digest_of(b"absent"), 6),), size=6, digest=digest_of(b"absent")), "BLOBS_MISSING"),
        (replace(TWO, digest=composite(b"two", b"one")), "DIGEST_MISMATCH"),
        (replace(TWO, digest=digest_of(b"onetwo")), "DIGEST_MISMATCH"),
    ],
)
def test_an_entry_that_lies_makes_no_tree(core: Artifacts, entry: Entry, reason: str) -> None:
    stored(core, "x", b"hello")
    stored(core, "x", b"one", b"two")
    with pytest.raises(OrrisError) as caught:
        create(core, entry, stored(core, "fine", b"fine"))
    assert caught.value.reason == reason
    with pytest.raises(NotFound):
        core.trees.get("lab", digest_of(b""))


def test_colliding_paths_of_different_messages_are_refused(core: Artifacts) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(core, stored(core, "Data", b"x"), stored(core, "data/a", b"y"))
    assert caught.value.reason == "INVALID_PATH"


def test_a_chunk_of_another_workspace_does_not_count(core: Artifacts) -> None:
    entry = stored(core, "a", b"secret", workspace="other")
    with pytest.raises(FailedPrecondition) as caught:
        create(core, entry)
    assert caught.value.reason == "BLOBS_MISSING"


def test_a_known_tree_with_a_damaged_chunk_asks_for_it(core: Artifacts, index: Index) -> None:
    entry = stored(core, "a", b"hello")
    create(core, entry)
    location, _ = index.find("lab", entry.digest) or pytest.fail("the blob is not there")
    index.mark_damaged("lab", location)
    with pytest.raises(FailedPrecondition):
        create(core, entry)


def test_a_file_of_several_chunks_is_checked_without_reading_it(
    core: Artifacts, store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = stored(core, "a", b"one", b"two")
    for read in ("read", "open"):
        monkeypatch.setattr(store, read, lambda *_: pytest.fail("a blob is read"))
    create(core, entry)


def test_a_tree_that_is_asked_for_is_in_use_again(core: Artifacts, clock: Clock) -> None:
    tree = create(core, stored(core, "a", b"x"))
    clock.turn(minutes=4)
    assert core.trees.get("lab", tree.digest).use_time == tree.use_time
    clock.turn(minutes=2)
    core.trees.get("lab", tree.digest)
    assert core.trees.get("lab", tree.digest).use_time == clock.now
    clock.turn(hours=1)
    create(core, stored(core, "a", b"x"))
    assert core.trees.get("lab", tree.digest).use_time == clock.now


def test_a_tree_has_a_limit_of_entries(core: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_module, "MAX_TREE_ENTRIES", 2)
    entries = [stored(core, name, b"x") for name in ("a", "b", "c")]
    create(core, *entries[:2])
    with pytest.raises(InvalidArgument) as caught:
        create(core, *entries)
    assert caught.value.reason == "TREE_TOO_LARGE"


def test_a_manifest_has_a_limit_of_bytes(core: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft_module, "MAX_TREE_MANIFEST_BYTES", 300)
    with pytest.raises(InvalidArgument) as caught:
        create(core, *[stored(core, name, b"x") for name in ("a", "b", "c")])
    assert caught.value.reason == "TREE_TOO_LARGE"


def test_drafts_share_a_room_and_give_it_back() -> None:
    room = Room(1)
    first, second = draft_module.Draft("lab", room), draft_module.Draft("lab", room)
    first.add([GOOD])
    with pytest.raises(ResourceExhausted):
        second.add([GOOD])
    second.close()
    first.close()
    third = draft_module.Draft("lab", room)
    third.add([GOOD])
    assert third.complete() == [GOOD]


def test_who_leaves_while_entries_are_being_added_takes_no_room_with_them() -> None:
    """A call that is canceled ends while its last message is still being read, in another thread."""
    room = Room(1)
    left = draft_module.Draft("lab", room)

    def entries() -> Iterator[Entry]:
        yield GOOD
        left.close()

    left.add(entries())
    room.take(1)


@pytest.fixture
def tree(core: Artifacts) -> Tree:
    names = ["a-b", "a.txt", "a/b", "a/b-c", "a/c/d", "a0", "b/1", "Z", "é/x"]
    return create(core, *[stored(core, name, name.encode()) for name in names])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", ["Z", "a-b", "a.txt", "a/b", "a/b-c", "a/c/d", "a0", "b/1", "é/x"]),
        ("a", ["a/b", "a/b-c", "a/c/d"]),
        ("a/", ["a/b", "a/b-c", "a/c/d"]),
        ("a/b", ["a/b"]),
        ("a/c", ["a/c/d"]),
        ("é", ["é/x"]),
        ("z", []),
        ("b/12", []),
        ("a/b\0", []),
        ("../a", []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_path_lists_one_file_or_what_is_below_a_folder(
    core: Artifacts, tree: Tree, path: str, expected: list[str], limit: int
) -> None:
    assert [entry.path for entry in listed(core, tree, path, limit)] == expected


def test_a_big_tree_is_listed_over_its_pages_in_order(core: Artifacts) -> None:
    one = stored(core, "x", b"x")
    paths = [f"d{number % 7}/f{number:05d}" for number in range(2500)]
    tree = create(core, *[replace(one, path=path) for path in paths])
    assert [entry.path for entry in listed(core, tree, limit=333)] == sorted(paths)
    assert [entry.path for entry in listed(core, tree, "d3", limit=100)] == sorted(p for p in paths if p[:2] == "d3")
    assert [entry.path for entry in listed(core, tree, "d6/f02498")] == ["d6/f02498"]


def test_a_listing_stays_below_the_size_of_a_message(core: Artifacts) -> None:
    one = stored(core, "x", b"x")
    long = replace(one, chunks=one.chunks * 20_000, size=20_000, digest=composite(*[b"x"] * 20_000))
    tree = create(core, *[replace(long, path=name) for name in "abc"])
    entries, more = core.trees.entries(tree, "", "", 1000)
    assert [entry.path for entry in entries] == ["a", "b"]
    assert more
    assert [entry.path for entry in listed(core, tree)] == ["a", "b", "c"]


def test_a_made_up_place_in_a_listing_harms_nothing(core: Artifacts, tree: Tree) -> None:
    assert core.trees.entries(tree, "", "\ud800", 10) == ([], False)
