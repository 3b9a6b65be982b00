"""What every store of blobs must do, whatever it keeps them in."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from orris.errors import DataLoss, NotFound
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.port import Store


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class FolderCase:
    """A folder, and how its bytes go bad."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store: Store = FolderStore(root)

    def reopen(self) -> Store:
        return FolderStore(self.root)

    def damage(self, workspace: str, digest: str, data: bytes) -> None:
        (self.root / workspace / digest[:2] / digest).write_bytes(data)


@pytest.fixture(params=[FolderCase])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> FolderCase:
    made: FolderCase = request.param(tmp_path / "store")
    return made


A, B = b"alpha", b"beta" * 1000
DA, DB = digest_of(A), digest_of(B)


def test_what_is_put_is_read(case: FolderCase) -> None:
    case.store.put("lab", {DA: A, DB: B})
    assert case.store.read("lab", DA) == A
    assert case.store.read("lab", DB) == B


def test_an_empty_blob_is_a_blob(case: FolderCase) -> None:
    case.store.put("lab", {digest_of(b""): b""})
    assert case.store.read("lab", digest_of(b"")) == b""


def test_the_largest_blob_fits(case: FolderCase) -> None:
    data = bytes(16 * 1024 * 1024)
    case.store.put("lab", {digest_of(data): data})
    assert case.store.sizes("lab", [digest_of(data)]) == {digest_of(data): len(data)}
    assert case.store.read("lab", digest_of(data)) == data


def test_blobs_of_another_workspace_are_not_there(case: FolderCase) -> None:
    case.store.put("lab", {DA: A})
    assert case.store.sizes("other", [DA]) == {}
    with pytest.raises(NotFound):
        case.store.read("other", DA)


def test_sizes_tell_only_of_what_is_there(case: FolderCase) -> None:
    case.store.put("lab", {DB: B})
    assert case.store.sizes("lab", [DA, DB]) == {DB: len(B)}


def test_what_was_acknowledged_is_there_after_a_restart(case: FolderCase) -> None:
    case.store.put("lab", {DA: A})
    assert case.reopen().read("lab", DA) == A


def test_putting_twice_changes_nothing(case: FolderCase) -> None:
    for _ in range(2):
        case.store.put("lab", {DA: A})
    assert case.store.read("lab", DA) == A


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(case: FolderCase) -> None:
    case.store.put("lab", {DA: A})
    for _ in range(2):
        case.store.delete("lab", DA)
    assert case.store.sizes("lab", [DA]) == {}
    with pytest.raises(NotFound) as caught:
        case.store.read("lab", DA)
    assert caught.value.reason == "BLOB_NOT_FOUND"


@pytest.mark.parametrize("bad", [b"alphA", b"alph", b"", b"alpha!"])
def test_damaged_bytes_are_never_returned(case: FolderCase, bad: bytes) -> None:
    case.store.put("lab", {DA: A})
    case.damage("lab", DA, bad)
    for _ in range(2):
        with pytest.raises(DataLoss, match=DA) as caught:
            case.store.read("lab", DA)
        assert caught.value.reason == "BLOB_DAMAGED"


def test_a_blob_found_damaged_counts_as_missing_and_is_mended_by_the_next_upload(case: FolderCase) -> None:
    case.store.put("lab", {DA: A})
    case.damage("lab", DA, b"alphA")
    with pytest.raises(DataLoss):
        case.store.read("lab", DA)
    assert case.store.sizes("lab", [DA]) == {}
    case.store.put("lab", {DA: A})
    assert case.store.read("lab", DA) == A


def test_an_upload_mends_damage_that_nobody_has_seen(case: FolderCase) -> None:
    case.store.put("lab", {DA: A})
    case.damage("lab", DA, b"alphA")
    case.store.put("lab", {DA: A})
    assert case.store.read("lab", DA) == A
