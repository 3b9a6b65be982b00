"""What the cache keeps, and what goes first."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import pytest

from orris.sdk import new_file
from orris.sdk.target_folder import write_at
from orris_agent.blob_cache import BLOCK_BYTES, BlobCache

MIB = 1024 * 1024


def blob(number: int, size: int = BLOCK_BYTES) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def add(cache: BlobCache, data: bytes) -> str:
    digest = digest_of(data)
    with cache.adding(digest, len(data)) as descriptor:
        write_at(descriptor, data, 0)
    return digest


def read(cache: BlobCache, digest: str) -> bytes | None:
    descriptor = cache.open(digest)
    if descriptor is None:
        return None
    with open(descriptor, "rb") as file:
        return file.read()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("nameless", [True, False])
def test_what_is_added_is_there_for_its_user_alone(
    tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr(new_file, "_NAMELESS", None)
    cache = BlobCache(tmp_path / "cache", MIB)
    digest = add(cache, b"data")
    assert digest in cache
    assert read(cache, digest) == b"data"
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o400
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700


@pytest.mark.parametrize("nameless", [True, False])
def test_what_was_not_completed_is_not_there(tmp_path: Path, nameless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not nameless:
        monkeypatch.setattr(new_file, "_NAMELESS", None)
    cache = BlobCache(tmp_path, MIB)
    digest = digest_of(b"data")
    with pytest.raises(KeyError), cache.adding(digest, 4) as descriptor:
        write_at(descriptor, b"da", 0)
        raise KeyError
    assert read(cache, digest) is None
    assert files(tmp_path) == []


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 3 * BLOCK_BYTES)
    first, second, third = (add(cache, blob(number)) for number in range(3))
    assert read(cache, first) == blob(0)
    fourth = add(cache, blob(3))
    assert [digest in cache for digest in (first, second, third, fourth)] == [True, False, True, True]
    assert read(cache, second) is None
    assert len(files(tmp_path)) == 3


def test_a_large_blob_takes_the_place_of_several_small_ones(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 10 * BLOCK_BYTES)
    small = [add(cache, blob(number, 8)) for number in range(10)]
    large = add(cache, blob(99, 6 * BLOCK_BYTES))
    assert [digest in cache for digest in small] == [False] * 6 + [True] * 4
    assert large in cache


def test_room_is_made_before_bytes_arrive(tmp_path: Path) -> None:
    """So the disk holds no more than the limit, also on the way."""
    cache = BlobCache(tmp_path, 2 * BLOCK_BYTES)
    first, second = add(cache, blob(0)), add(cache, blob(1))
    with cache.adding(digest_of(blob(2)), BLOCK_BYTES):
        assert first not in cache
        assert second in cache


def test_a_failed_attempt_gives_its_room_back(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 2 * BLOCK_BYTES)
    for _ in range(5):
        with pytest.raises(KeyError), cache.adding(digest_of(b"x"), BLOCK_BYTES):
            raise KeyError
    kept = [add(cache, blob(number)) for number in range(2)]
    assert all(digest in cache for digest in kept)


def test_adding_again_counts_once(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 3 * BLOCK_BYTES)
    other = add(cache, blob(1))
    for _ in range(5):
        add(cache, blob(0))
    assert other in cache
    assert len(files(tmp_path)) == 2


def test_a_blob_beyond_the_limit_is_not_worth_adding(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, 2 * BLOCK_BYTES)
    assert cache.fits(2 * BLOCK_BYTES)
    assert not cache.fits(2 * BLOCK_BYTES + 1)
    assert not BlobCache(tmp_path / "none", 0).fits(1)


def test_the_next_process_finds_what_is_there_and_in_which_order_it_was_used(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, MIB)
    digests = [add(cache, blob(number)) for number in range(4)]
    for age, digest in enumerate((digests[2], digests[0], digests[3], digests[1])):
        os.utime(tmp_path / digest[:2] / digest, (1000 + age, 1000 + age))
    again = BlobCache(tmp_path, 2 * BLOCK_BYTES)
    assert [digest in again for digest in digests] == [False, True, False, True]
    assert len(files(tmp_path)) == 2
    assert read(again, digests[1]) == blob(1)


def test_a_use_is_remembered_for_the_next_process(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, MIB)
    digests = [add(cache, blob(number)) for number in range(2)]
    for digest in digests:
        os.utime(tmp_path / digest[:2] / digest, (1000, 1000))
    read(cache, digests[0])
    again = BlobCache(tmp_path, BLOCK_BYTES)
    assert [digest in again for digest in digests] == [True, False]


def test_what_a_crash_left_behind_is_removed_at_the_next_start(tmp_path: Path) -> None:
    digest = add(BlobCache(tmp_path, MIB), b"data")
    (tmp_path / digest[:2] / ".0123456789abcdef.part").write_bytes(b"half")
    assert digest in BlobCache(tmp_path, MIB)
    assert [path.name for path in files(tmp_path)] == [digest]


def test_a_limit_of_nothing_empties_the_cache(tmp_path: Path) -> None:
    add(BlobCache(tmp_path, MIB), b"data")
    BlobCache(tmp_path, 0)
    assert files(tmp_path) == []


def test_a_file_that_somebody_removed_is_no_longer_there(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path, MIB)
    digest = add(cache, b"data")
    (tmp_path / digest[:2] / digest).unlink()
    assert read(cache, digest) is None
    assert add(cache, b"data") == digest
    assert read(cache, digest) == b"data"


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", MIB)
    digest = add(cache, b"data")
    path = tmp_path / "cache" / digest[:2] / digest
    path.unlink()
    (tmp_path / "outside").write_bytes(b"data")
    path.symlink_to(tmp_path / "outside")
    assert read(cache, digest) is None
