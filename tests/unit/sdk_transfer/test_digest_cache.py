"""What is known of files from last time, and when it is not believed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orris.sdk import digest_cache
from orris.sdk.content import FileContent, State
from orris.sdk.digest_cache import MOST_FOLDERS, DigestCache

NOW = 1_700_000_000.0
OLD: State = (1, 2, 3, int((NOW - 60) * 1e9), int((NOW - 60) * 1e9))
DIGESTS = ["a" * 64, "b" * 64]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "caches" / "digests" / "cache.json"


def cache(place: Path | None, now: float = NOW) -> DigestCache:
    return DigestCache(place, lambda: now)


def kept(place: Path, path: str = "f", state: State = OLD, now: float = NOW) -> None:
    made = cache(place, now)
    made.keep(path, state, DIGESTS)
    made.save()


def test_a_file_in_the_same_state_is_known(place: Path) -> None:
    assert cache(place).find("f", OLD) is None
    kept(place)
    assert cache(place).find("f", OLD) == DIGESTS
    assert cache(place).find("g", OLD) is None


def test_an_empty_file_is_known_too(place: Path) -> None:
    made = cache(place)
    made.keep("empty", OLD, [])
    made.save()
    assert cache(place).find("empty", OLD) == []


@pytest.mark.parametrize("part", range(5))
def test_a_file_whose_state_differs_in_anything_is_not_known(place: Path, part: int) -> None:
    kept(place)
    other = list(OLD)
    other[part] += 1
    assert cache(place).find("f", tuple(other)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("part", [3, 4])
@pytest.mark.parametrize("age", [1.9, 0, -100])
def test_what_changed_within_two_seconds_of_being_hashed_is_not_kept(place: Path, part: int, age: float) -> None:
    state = list(OLD)
    state[part] = int((NOW - age) * 1e9)
    kept(place, state=tuple(state))  # type: ignore[arg-type]
    assert not place.exists()


def test_a_change_that_leaves_size_and_time_is_noticed_by_the_time_of_the_change_itself(tmp_path: Path) -> None:
    path, place = tmp_path / "f", tmp_path / "caches" / "cache.json"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    later = path.stat().st_ctime + 10
    kept(place, state=FileContent(path).state, now=later)
    assert cache(place).find("f", FileContent(path).state) == DIGESTS
    before = path.stat().st_ctime_ns
    while path.stat().st_ctime_ns == before:  # the clock of the file system has ticked
        path.write_bytes(b"two")
        os.utime(path, ns=(10**18, 10**18))
    assert cache(place).find("f", FileContent(path).state) is None


def test_files_that_are_gone_are_forgotten(place: Path) -> None:
    kept(place, "f")
    kept(place, "g")
    assert cache(place).find("f", OLD) is None
    assert cache(place).find("g", OLD) == DIGESTS


def test_what_was_found_is_kept_when_something_is_added(place: Path) -> None:
    kept(place, "f")
    second = cache(place)
    second.find("f", OLD)
    second.keep("g", OLD, [])
    second.save()
    assert cache(place).find("f", OLD) == DIGESTS
    assert cache(place).find("g", OLD) == []


def test_nothing_is_written_when_nothing_is_new(place: Path) -> None:
    kept(place)
    before = place.stat()
    again = cache(place)
    again.find("f", OLD)
    again.save()
    assert place.stat() == before


def test_a_cache_in_use_counts_as_used(place: Path) -> None:
    kept(place)
    os.utime(place, (NOW - 2 * 86_400, NOW - 2 * 86_400))
    again = cache(place)
    again.find("f", OLD)
    again.save()
    assert place.stat().st_mtime > NOW


def test_only_the_user_can_look_into_it(place: Path) -> None:
    kept(place)
    assert place.parent.stat().st_mode & 0o777 == 0o700
    assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content.replace(b"a", b"c", 1),
        lambda content: content.replace(b"\n", b"", 1),
        lambda content: content[:65] + b"[" + content[66:],
        lambda content: b"\0" * 1000,
    ],
)
def test_a_damaged_cache_is_as_good_as_none_and_is_replaced(place: Path, damage: object) -> None:
    kept(place)
    place.write_bytes(damage(place.read_bytes()))  # type: ignore[operator]
    assert cache(place).find("f", OLD) is None
    kept(place)
    assert cache(place).find("f", OLD) == DIGESTS


def test_a_cache_that_others_can_write_is_not_believed(place: Path) -> None:
    kept(place)
    place.chmod(0o666)
    assert cache(place).find("f", OLD) is None
    kept(place)
    assert cache(place).find("f", OLD) == DIGESTS


def test_a_folder_in_its_place_does_no_harm(place: Path) -> None:
    place.mkdir(parents=True)
    kept(place)
    assert cache(place).find("f", OLD) is None
    assert list(place.parent.iterdir()) == [place]


@pytest.mark.parametrize("failing", ["mkdir", "open", "replace"])
def test_a_disk_that_is_read_only_does_no_harm(place: Path, monkeypatch: pytest.MonkeyPatch, failing: str) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, refuse)
        kept(place)
    assert not place.parent.exists() or list(place.parent.iterdir()) == []


@pytest.mark.needs("tmpfs")
def test_a_disk_that_is_full_leaves_the_old_cache_and_nothing_else() -> None:
    program = """
from pathlib import Path
from orris.sdk.digest_cache import DigestCache

place = Path("/mnt/digests/cache.json")
old = (1, 2, 3, 4, 5)
for path in ("small", "x" * 200_000):
    cache = DigestCache(place)
    cache.keep(path, old, [])
    cache.save()
assert DigestCache(place).find("small", old) == []
assert list(place.parent.iterdir()) == [place]
print("well")
"""
    mounted = 'mount -t tmpfs -o size=64k tmpfs /mnt && exec "$0" -c "$1"'
    argv = ["unshare", "--map-root-user", "--mount", "sh", "-c", mounted, sys.executable, program]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "well\n", done.stderr


def test_two_at_once_leave_what_one_of_them_wrote(place: Path) -> None:
    first, second = cache(place), cache(place)
    first.keep("f", OLD, DIGESTS)
    second.keep("g", OLD, [])
    first.save()
    second.save()
    assert (cache(place).find("f", OLD), cache(place).find("g", OLD)) == (None, [])
    assert list(place.parent.iterdir()) == [place]


def test_caches_that_nobody_used_for_90_days_go_and_so_do_the_oldest_beyond_200(place: Path) -> None:
    place.parent.mkdir(parents=True)
    for number in range(MOST_FOLDERS + 5):
        path = place.parent / f"{number}.json"
        path.write_bytes(b"x")
        os.utime(path, (NOW - number, NOW - number))
    for name, days in (("unused.json", 91), (".left.json", 1000)):
        (place.parent / name).write_bytes(b"x")
        os.utime(place.parent / name, (NOW - days * 86_400, NOW - days * 86_400))
    kept(place)
    left = {path.name for path in place.parent.iterdir()}
    assert left == {place.name, *(f"{number}.json" for number in range(MOST_FOLDERS - 1))}


def test_the_number_of_files_in_it_is_bounded(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digest_cache, "MOST_FILES", 2)
    made = cache(place)
    for name in "abc":
        made.keep(name, OLD, DIGESTS)
    made.save()
    again = cache(place)
    assert [name for name in "abc" if again.find(name, OLD)] == ["a", "b"]


def test_each_source_folder_has_its_own_by_its_real_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("one")
    made = DigestCache.of(tmp_path / "one")
    made.keep("f", OLD, DIGESTS)
    made.save()
    assert len(list((tmp_path / "caches" / "orris" / "digests").iterdir())) == 1
    assert DigestCache.of(tmp_path / "link").find("f", OLD) == DIGESTS
    assert DigestCache.of(tmp_path / "two").find("f", OLD) is None


def test_without_a_home_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", nobody)
    made = DigestCache.of(tmp_path)
    made.keep("f", OLD, DIGESTS)
    made.save()
    assert list(tmp_path.iterdir()) == []
