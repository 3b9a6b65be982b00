"""What an upload asks, sends and repeats."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris.sdk import sending, uploading
from orris.sdk.content import CHUNK_BYTES, BytesContent, FileContent
from orris.sdk.digest_cache import DigestCache
from orris.sdk.hashing import HASHERS
from orris.sdk.repeating import PAUSES
from orris.sdk.transfer import Transfer
from orris.sdk.uploading import Uploader
from tests.fakes.blob_service import BlobService, sha256

MIB = 1024 * 1024


@pytest.fixture
def service() -> BlobService:
    return BlobService()


@pytest.fixture
def transfer(service: BlobService) -> Transfer:
    return Transfer(service.stub, "lab", sleep=lambda seconds: None)


def fill(folder: Path, files: Mapping[str, bytes]) -> dict[str, Path]:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return {name: folder / name for name in files}


def once(method: str, event: Callable[[], object]) -> Callable[[str], object]:
    """Return what lets something happen at the first call of a method."""
    events = [event]
    return lambda called: events.pop()() if called == method and events else None


def test_what_is_uploaded_is_stored_byte_for_byte(service: BlobService, transfer: Transfer, tmp_path: Path) -> None:
    files = {str(size): os.urandom(size) for size in (0, 1, MIB, MIB + 1, 3 * MIB, CHUNK_BYTES, CHUNK_BYTES + 1)}
    tree = transfer.upload(fill(tmp_path, files))
    assert service.content(tree) == files
    assert (tree.file_count, tree.total_size) == (len(files), sum(map(len, files.values())))


def test_an_unchanged_tree_costs_two_questions(service: BlobService, transfer: Transfer) -> None:
    files = {str(number): b"%d" % number for number in range(3000)}
    first = transfer.upload_bytes(files)
    service.calls.clear()
    service.sent.clear()
    assert transfer.upload_bytes(files) == first
    assert service.calls == {"FindMissingBlobs": 1, "GetTree": 1}
    assert service.sent == []


def test_a_tree_that_is_gone_while_its_blobs_are_there_is_made_again(service: BlobService, transfer: Transfer) -> None:
    first = transfer.upload_bytes({"a": b"1"})
    service.trees.clear()
    assert transfer.upload_bytes({"a": b"1"}) == first
    assert service.trees


def test_what_two_files_have_in_common_travels_once(service: BlobService, transfer: Transfer, tmp_path: Path) -> None:
    large = os.urandom(2 * MIB)
    transfer.upload(fill(tmp_path, {"a": large, "b": large, "c": b"x", "d": b"x"}))
    assert sorted(service.sent) == sorted([sha256(large), sha256(b"x")])


def test_what_is_on_its_way_is_not_asked_for_again(
    service: BlobService, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "SPAN_PIECES", 1)
    all_asked = threading.Event()
    large = os.urandom(2 * MIB)

    def wait(method: str) -> None:
        if service.calls["FindMissingBlobs"] == 3:
            all_asked.set()
        if method == "UploadBlob":
            assert all_asked.wait(60)

    service.before = wait
    transfer.upload(fill(tmp_path, {"a": large, "b": large, "c": os.urandom(2 * MIB)}))
    assert len(service.sent) == 2


def test_an_error_ends_the_hashing_too(
    service: BlobService, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.touch()
    os.truncate(path, 60 * CHUNK_BYTES)
    failed = threading.Event()
    opened: list[FileContent] = []
    enough = uploading.SPAN_BYTES // CHUNK_BYTES + 1
    real = FileContent.open

    def opening(self: FileContent) -> object:
        opened.append(self)
        if len(opened) > enough:
            assert failed.wait(60)
        return real(self)

    def leave(self: sending.Sender, *raised: object) -> None:
        failed.set()

    def fail(method: str) -> None:
        raise DataLoss("no")

    monkeypatch.setattr(FileContent, "open", opening)
    monkeypatch.setattr(sending.Sender, "__exit__", leave)
    service.before = fail
    with pytest.raises(DataLoss):
        transfer.upload({"f": path})
    assert len(opened) <= enough + HASHERS


def test_small_files_travel_in_batches_of_3_mib_or_1000(service: BlobService, transfer: Transfer) -> None:
    transfer.upload_bytes({str(number): b"%d" % number for number in range(2500)})
    assert service.calls["BatchUploadBlobs"] == 3
    service.calls.clear()
    transfer.upload_bytes({str(number): os.urandom(MIB) for number in range(7)})
    assert service.calls["BatchUploadBlobs"] == 3
    assert service.calls["UploadBlob"] == 0


def test_an_interrupted_upload_goes_on_where_it_was(service: BlobService, transfer: Transfer, tmp_path: Path) -> None:
    data = os.urandom(5 * CHUNK_BYTES)
    paths = fill(tmp_path, {"f": data})

    def fail(method: str) -> None:
        if method == "UploadBlob" and len(service.sent) >= 2:
            raise DataLoss("the line is cut")

    service.before = fail
    with pytest.raises(DataLoss):
        transfer.upload(paths)
    arrived = set(service.sent)
    assert len(arrived) >= 2
    service.before = lambda method: None
    tree = transfer.upload(paths)
    assert len(service.sent) == len(set(service.sent)) == 5
    assert service.content(tree) == {"f": data}


def test_the_first_bytes_travel_before_the_last_are_hashed(
    service: BlobService, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, 64 * CHUNK_BYTES)
    for number in range(64):
        with path.open("r+b") as file:
            file.seek(number * CHUNK_BYTES)
            file.write(b"%d" % number)
    sent = threading.Event()
    service.before = lambda method: sent.set() if method == "UploadBlob" else None
    real = FileContent.open

    def opening(self: FileContent) -> object:
        # The last chunks are not read before the first ones travel: it would wait for ever.
        if opened.acquire(blocking=False):
            return real(self)
        assert sent.wait(60), "everything is hashed before anything is sent"
        return real(self)

    opened = threading.Semaphore(63)
    monkeypatch.setattr(FileContent, "open", opening)
    transfer.upload({"large": path})


def test_a_large_file_is_never_in_memory_as_a_whole(
    service: BlobService, transfer: Transfer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(os.urandom(MIB) * 128)

    def forget(requests: Iterator[rpc.UploadBlobRequest], timeout: float) -> None:
        first = next(requests)
        service.blobs[first.digest] = b""
        assert sum(len(request.data) for request in requests) == first.size

    monkeypatch.setattr(service, "UploadBlob", forget)
    tracemalloc.start()
    try:
        transfer.upload({"large": path})
        assert tracemalloc.get_traced_memory()[1] < 32 * MIB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [5, 2 * MIB, CHUNK_BYTES + 5])
@pytest.mark.parametrize("after", [0, 4, 20])
def test_a_file_that_changes_before_it_is_sent_is_read_again(
    service: BlobService, transfer: Transfer, tmp_path: Path, size: int, after: int
) -> None:
    new = os.urandom(size - 5 + after)
    paths = fill(tmp_path, {"f": os.urandom(size), "g": b"quiet"})
    service.before = once("FindMissingBlobs", lambda: paths["f"].write_bytes(new))
    tree = transfer.upload(paths)
    assert service.content(tree) == {"f": new, "g": b"quiet"}


def test_files_count_as_they_are_when_they_are_read_not_when_they_were_found(
    service: BlobService, transfer: Transfer, tmp_path: Path
) -> None:
    paths = fill(tmp_path, {"grows": b"x", "grows more": bytes(CHUNK_BYTES + 1), "shrinks": bytes(2 * CHUNK_BYTES)})
    seen = {name: FileContent(path) for name, path in paths.items()}
    new = {"grows": os.urandom(CHUNK_BYTES + 1), "grows more": os.urandom(CHUNK_BYTES + 9), "shrinks": b"y"}
    fill(tmp_path, new)
    assert service.content(transfer.upload(seen)) == new


@pytest.mark.parametrize("size", [5, 2 * MIB])
def test_a_file_that_never_rests_is_named(service: BlobService, transfer: Transfer, tmp_path: Path, size: int) -> None:
    paths = fill(tmp_path, {"busy": b"0" * size, "quiet": b"x"})
    service.before = lambda method: paths["busy"].write_bytes(os.urandom(size)) if "Find" in method else None
    with pytest.raises(FailedPrecondition, match="busy") as caught:
        transfer.upload(paths)
    assert caught.value.reason == "FILE_CHANGES"
    assert service.calls["FindMissingBlobs"] == uploading.ATTEMPTS
    assert not service.trees


def test_a_file_that_vanishes_meanwhile_is_named(service: BlobService, transfer: Transfer, tmp_path: Path) -> None:
    paths = fill(tmp_path, {"f": b"x"})
    service.before = once("FindMissingBlobs", paths["f"].unlink)
    with pytest.raises(NotFound, match="any more"):
        transfer.upload(paths)


def test_the_twin_of_a_file_that_changed_is_sent_in_its_place(
    service: BlobService, transfer: Transfer, tmp_path: Path
) -> None:
    paths = fill(tmp_path, {"a": b"same", "b": b"same"})
    service.before = once("FindMissingBlobs", lambda: paths["b"].write_bytes(b"other"))
    assert service.content(transfer.upload(paths)) == {"a": b"same", "b": b"other"}


def test_blobs_that_were_collected_meanwhile_are_sent_again(
    service: BlobService, transfer: Transfer, tmp_path: Path
) -> None:
    files = {"a": b"1", "b": os.urandom(2 * MIB)}
    paths = fill(tmp_path, files)
    service.before = once("CreateTree", service.blobs.clear)
    assert service.content(transfer.upload(paths)) == files
    assert service.calls["CreateTree"] == 2


def test_blobs_that_are_always_missing_end_the_upload(service: BlobService, transfer: Transfer) -> None:
    service.before = lambda method: service.blobs.clear() if method == "CreateTree" else None
    with pytest.raises(FailedPrecondition) as caught:
        transfer.upload_bytes({"a": b"1"})
    assert caught.value.reason == "BLOBS_MISSING"
    assert service.calls["CreateTree"] == 1 + uploading.ATTEMPTS, "once at once, then in pieces"


@pytest.mark.parametrize(
    "method", ["FindMissingBlobs", "BatchUploadBlobs", "UploadBlob", "PrepareUploads", "CreateTree"]
)
def test_each_call_is_repeated_while_the_service_is_away(service: BlobService, tmp_path: Path, method: str) -> None:
    pauses: list[float] = []
    transfer = Transfer(service.stub, "lab", sleep=pauses.append)
    files = {"a": b"1", "b": os.urandom(2 * MIB)}

    def away(called: str) -> None:
        if called == method and service.calls[method] <= 2:
            raise Unavailable("away")

    service.before = away
    assert service.content(transfer.upload(fill(tmp_path, files))) == files
    assert len(pauses) == 2


def test_an_error_ends_the_upload_and_drops_what_has_not_begun(
    service: BlobService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "SPAN_PIECES", 10)
    monkeypatch.setattr(sending, "BATCH_ITEMS", 1)

    def full(method: str) -> None:
        if method == "BatchUploadBlobs":
            raise InvalidArgument("no", reason="NO")

    service.before = full
    with pytest.raises(InvalidArgument):
        Uploader(service.stub, "workspaces/lab").upload({str(n): BytesContent(b"%d" % n) for n in range(1000)})
    assert service.calls["BatchUploadBlobs"] <= sending.JOBS + sending.THREADS


def test_it_is_given_up_when_the_service_stays_away(service: BlobService) -> None:
    def away(method: str) -> None:
        raise Unavailable("away")

    service.before = away
    pauses: list[float] = []
    with pytest.raises(Unavailable):
        Transfer(service.stub, "lab", sleep=pauses.append).upload_bytes({"a": b"x"})
    assert len(pauses) == len(PAUSES)


def test_progress_never_goes_back_and_ends_with_all(service: BlobService, transfer: Transfer, tmp_path: Path) -> None:
    large = os.urandom(CHUNK_BYTES + MIB)
    files = {"a": b"1", "same": b"1", "b": large, "c": os.urandom(2 * MIB), "empty": b""}
    paths = fill(tmp_path, files)
    total = sum(map(len, files.values()))
    found = {name: FileContent(path) for name, path in paths.items()}
    for event in (
        lambda: None,
        lambda: paths["c"].write_bytes(os.urandom(3 * MIB)),
        lambda: paths["c"].write_bytes(b"small"),
        lambda: None,
    ):
        seen: list[tuple[int, int]] = []
        service.before = once("FindMissingBlobs", event)
        transfer.upload(found, partial(_note, seen))
        assert seen[0] == (0, total)
        assert seen[-1] == (total, total)
        assert seen == sorted(seen)


def test_what_a_hostile_server_says_is_missing_changes_nothing(
    service: BlobService, transfer: Transfer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = service.FindMissingBlobs

    def lying(request: object, timeout: float) -> object:
        response = real(request, timeout)  # type: ignore[arg-type]
        response.missing_digests.extend(["0" * 64, "../../x", *response.missing_digests])
        return response

    monkeypatch.setattr(service, "FindMissingBlobs", lying)
    assert service.content(transfer.upload_bytes({"a": b"1"})) == {"a": b"1"}
    assert service.sent == [sha256(b"1")]


@pytest.mark.parametrize("path", ["../x", "/x", "a//b", "a\\b", "a\nb", "caf\udce9", "f/below", "F"])
def test_a_path_that_no_tree_can_hold_is_refused_before_anything_is_read(
    service: BlobService, transfer: Transfer, path: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        transfer.upload_bytes({"f": b"1", path: b"2"})
    assert caught.value.reason == "INVALID_PATH"
    assert not service.calls


def test_an_empty_tree_can_be_uploaded(service: BlobService, transfer: Transfer) -> None:
    assert service.content(transfer.upload({})) == {}


def _note(seen: list[tuple[int, int]], done: int, total: int) -> None:
    seen.append((done, total))


@pytest.fixture
def known(tmp_path: Path) -> Callable[[], DigestCache]:
    # An hour later nothing has just changed.
    return lambda: DigestCache(tmp_path / "caches" / "cache.json", lambda: os.stat(tmp_path).st_mtime + 3600)


def test_a_known_file_is_not_read_again(
    service: BlobService,
    transfer: Transfer,
    tmp_path: Path,
    known: Callable[[], DigestCache],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = {"a": b"1", "b": os.urandom(CHUNK_BYTES + 1), "empty": b""}
    paths = fill(tmp_path, files)
    first = transfer.upload(paths, cache=known())
    with monkeypatch.context() as patch:
        patch.setattr(FileContent, "open", None)
        assert transfer.upload(paths, cache=known()) == first
    paths["a"].write_bytes(b"2")
    assert service.content(transfer.upload(paths, cache=known())) == {**files, "a": b"2"}


def test_a_known_file_that_the_server_misses_is_read_and_sent(
    service: BlobService, transfer: Transfer, tmp_path: Path, known: Callable[[], DigestCache]
) -> None:
    files = {"a": b"1", "b": os.urandom(CHUNK_BYTES + 1)}
    paths = fill(tmp_path, files)
    transfer.upload(paths, cache=known())
    service.blobs.clear()
    service.trees.clear()
    assert service.content(transfer.upload(paths, cache=known())) == files


def test_a_digest_that_turns_out_to_be_wrong_is_not_believed_twice(
    service: BlobService, transfer: Transfer, tmp_path: Path, known: Callable[[], DigestCache]
) -> None:
    paths = fill(tmp_path, {"a": b"1"})
    wrong = known()
    wrong.keep("a", FileContent(paths["a"]).state, [sha256(b"2")])
    wrong.save()
    assert service.content(transfer.upload(paths, cache=known())) == {"a": b"1"}
    assert known().find("a", FileContent(paths["a"]).state) == [sha256(b"1")]


def test_what_was_hashed_is_known_even_if_the_upload_fails(
    service: BlobService, transfer: Transfer, tmp_path: Path, known: Callable[[], DigestCache]
) -> None:
    def fail(method: str) -> None:
        if method == "CreateTree":
            raise DataLoss("no")

    service.before = fail
    paths = fill(tmp_path, {"a": b"1"})
    with pytest.raises(DataLoss):
        transfer.upload(paths, cache=known())
    assert known().find("a", FileContent(paths["a"]).state) == [sha256(b"1")]


def test_a_composed_tree_gives_files_of_old_trees_their_digest_of_today(
    service: BlobService, transfer: Transfer, tmp_path: Path
) -> None:
    data = os.urandom(CHUNK_BYTES + 1)
    tree = transfer.upload(fill(tmp_path, {"f": data}))
    (entry,) = service.trees[tree.name.rpartition("/")[2]]
    entry.digest = sha256(data)
    assert service.content(transfer.compose({"g": entry})) == {"g": data}
    assert (entry.path, entry.digest) == ("f", sha256(data))
