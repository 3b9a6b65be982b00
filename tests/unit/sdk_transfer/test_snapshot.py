"""Which files of a source folder a run gets."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from orris.sdk import snapshot as snapshot_module
from orris.sdk.snapshot import snapshot


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    made.mkdir()
    return made


def put(folder: Path, *names: str, content: str = "x") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def names(folder: Path) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return sorted(snapshot(folder))


def test_every_file_is_known_by_its_path_below_the_folder(folder: Path) -> None:
    put(folder, "train.py", "src/pkg/__init__.py", ".hidden")
    (folder / "empty").mkdir()
    assert {name: Path(file) for name, file in snapshot(folder).items()} == {
        ".hidden": folder / ".hidden",
        "src/pkg/__init__.py": folder / "src/pkg/__init__.py",
        "train.py": folder / "train.py",
    }


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(NotFound, match="nowhere"):
        snapshot(folder / "nowhere")


def test_what_is_never_part_of_a_program_is_left_out(folder: Path) -> None:
    put(
        folder, ".git/HEAD", "a/__pycache__/m.pyc", ".ipynb_checkpoints/n", "env/pyvenv.cfg", "env/bin/python", "a/m.py"
    )
    assert names(folder) == ["a/m.py"]


def test_a_pattern_brings_back_what_is_left_out_by_itself(folder: Path) -> None:
    put(folder, ".git/HEAD", "m.py")
    put(folder, ".amlignore", content="!.git/\n")
    assert names(folder) == [".amlignore", ".git/HEAD", "m.py"]


def test_a_source_folder_may_itself_be_a_virtual_environment(folder: Path) -> None:
    put(folder, "pyvenv.cfg", "m.py")
    assert names(folder) == ["m.py", "pyvenv.cfg"]


@pytest.mark.parametrize(
    ("patterns", "kept"),
    [
        ("*.csv", ["data/deep/note.txt", "train.py"]),
        ("data/", ["a.csv", "train.py"]),
        ("/data", ["a.csv", "train.py"]),
        ("data/**/note.txt", ["a.csv", "data/b.csv", "train.py"]),
        ("# comment\n\n*.csv\r\n", ["data/deep/note.txt", "train.py"]),
        ("data/*\n!data/b.csv", ["a.csv", "data/b.csv", "train.py"]),
        ("data/**\n!data/b.csv", ["a.csv", "data/b.csv", "train.py"]),
        ("*.csv\n!a.csv", ["a.csv", "data/deep/note.txt", "train.py"]),
        ("deep", ["a.csv", "data/b.csv", "train.py"]),
    ],
)
@pytest.mark.parametrize("name", [".amlignore", ".gitignore"])
def test_the_patterns_are_those_of_git(folder: Path, name: str, patterns: str, kept: list[str]) -> None:
    put(folder, "train.py", "a.csv", "data/b.csv", "data/deep/note.txt")
    (folder / name).write_bytes(patterns.encode())
    assert names(folder) == sorted([name, *kept])


def test_amlignore_wins_and_is_not_merged(folder: Path) -> None:
    put(folder, "a.csv", "a.log")
    put(folder, ".gitignore", content="*.csv")
    put(folder, ".amlignore", content="*.log")
    assert names(folder) == [".amlignore", ".gitignore", "a.csv"]


def test_patterns_in_subfolders_do_not_count(folder: Path) -> None:
    put(folder, "sub/a.csv")
    put(folder, "sub/.gitignore", content="*.csv")
    assert names(folder) == ["sub/.gitignore", "sub/a.csv"]


def test_an_ignored_folder_is_not_even_looked_into(folder: Path) -> None:
    put(folder, ".gitignore", content="data/")
    (folder / "data").mkdir()
    os.mkdir(os.fsencode(folder / "data") + b"/\xff")
    (folder / "data" / "loop").symlink_to(folder / "nowhere")
    assert names(folder) == [".gitignore"]


def test_links_inside_are_followed(folder: Path) -> None:
    put(folder, "real/a.txt")
    (folder / "file").symlink_to("real/a.txt")
    (folder / "folder").symlink_to("real")
    found = snapshot(folder)
    assert sorted(found) == ["file", "folder/a.txt", "real/a.txt"]
    assert Path(found["folder/a.txt"]).read_text() == "x"


@pytest.mark.parametrize("target", ["/etc/hostname", "/etc", "../outside", "../source-2/a"])
def test_links_to_the_outside_are_left_out_with_a_warning(folder: Path, target: str) -> None:
    put(folder.parent, "outside", "source-2/a")
    put(folder, "a")
    (folder / "link").symlink_to(target)
    with pytest.warns(UserWarning, match="link is a link to .* outside"):
        assert sorted(snapshot(folder)) == ["a"]


def test_a_link_to_nowhere_is_left_out_with_a_warning(folder: Path) -> None:
    (folder / "link").symlink_to("gone")
    (folder / "self").symlink_to("self")
    with pytest.warns(UserWarning, match="nowhere"):
        assert snapshot(folder) == {}


def test_many_links_to_the_outside_are_one_warning(folder: Path) -> None:
    for name in "abc":
        (folder / name).symlink_to("/etc")
    with pytest.warns(UserWarning, match=r"a is a link to /etc.*\(so are 2 other links\)") as caught:
        snapshot(folder)
    assert len(caught) == 1


def test_ignored_links_give_no_warning(folder: Path) -> None:
    put(folder, ".amlignore", content="link")
    (folder / "link").symlink_to("/etc")
    assert names(folder) == [".amlignore"]


def test_links_in_a_circle_end(folder: Path) -> None:
    put(folder, "a/x", "b/y")
    (folder / "a" / "up").symlink_to("..")
    (folder / "a" / "here").symlink_to(".")
    (folder / "a" / "b").symlink_to("../b")
    (folder / "b" / "a").symlink_to("../a")
    assert names(folder) == ["a/b/y", "a/x", "b/a/x", "b/y"]


def test_a_source_folder_that_is_a_link_is_followed(folder: Path) -> None:
    put(folder, "a/x")
    (folder / "l").symlink_to("a")
    link = folder.parent / "link"
    link.symlink_to(folder)
    assert names(link) == ["a/x", "l/x"]


def test_what_is_no_file_is_left_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a")
    os.mkfifo(folder / "pipe")
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        assert names(folder) == ["a"]


def test_a_name_that_is_not_utf8_is_named(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.csv")).write_text("x")
    with pytest.raises(InvalidArgument, match=r"caf\\xe9") as caught:
        snapshot(folder)
    assert caught.value.reason == "NAME_NOT_UTF8"
    put(folder, ".amlignore", content="*.csv")
    assert names(folder) == [".amlignore"]


def test_a_snapshot_over_the_limit_says_what_is_large_and_what_to_do(folder: Path) -> None:
    for size in range(1, 8):
        put(folder, f"f{size}", content="x" * size)
    assert len(snapshot(folder, limit=28)) == 7
    with pytest.raises(ResourceExhausted) as caught:
        snapshot(folder, limit=27)
    message = str(caught.value)
    assert [name for name in ("f7", "f6", "f5", "f4", "f3", "f2", "f1") if name in message] == [
        "f7",
        "f6",
        "f5",
        "f4",
        "f3",
    ]
    assert ".amlignore" in message
    assert caught.value.metadata == {"total": "28", "limit": "27"}


def test_a_snapshot_far_over_the_limit_is_refused_before_all_of_it_is_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_module, "_LOOK_ON", 3)
    for number in range(9):
        put(folder, f"{number}", content="x" * (number + 1))
    with pytest.raises(ResourceExhausted, match=r"at least 0\.0 MB in 5 files") as caught:
        snapshot(folder, limit=1)
    assert caught.value.metadata == {"total": "15", "limit": "1"}
    assert "  4\n" in str(caught.value)
    assert "  8\n" not in str(caught.value)


def test_more_files_than_a_tree_can_hold_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_module, "MAX_FILES", 4)
    put(folder, "a", "b/a", "b/b", "b/c")
    assert len(snapshot(folder)) == 4
    put(folder, "b/d")
    with pytest.raises(ResourceExhausted, match="more than 4 files"):
        snapshot(folder)


def test_a_listing_without_end_is_not_read_to_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a")
    monkeypatch.setattr(snapshot_module, "MAX_FILES", 100)
    with os.scandir(folder) as listing:
        entries = list(listing)
    monkeypatch.setattr(os, "scandir", lambda path: nullcontext(itertools.cycle(entries)))
    with pytest.raises(ResourceExhausted, match="more than 100 files"):
        snapshot(folder)


def test_links_that_multiply_folders_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_module, "MAX_FILES", 1000)
    for name in "abcdefgh":
        (folder / name).mkdir()
    for name in "abcdefgh":
        for other in "abcdefgh":
            (folder / name / f"to_{other}").symlink_to(f"../{other}")
    with pytest.raises(ResourceExhausted, match="more than 1,000 files"):
        snapshot(folder)


@pytest.fixture
def deep(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A file in folders that are as deep as the system allows: its path."""
    depth = (os.pathconf("/", "PC_PATH_MAX") - len(str(folder)) - 10) // 2
    monkeypatch.chdir(folder)
    try:
        for _ in range(depth):
            os.mkdir("d")
            os.chdir("d")
        Path("f").write_text("x")
        monkeypatch.chdir(folder)
        yield "d/" * depth + "f"
    finally:
        subprocess.run(["rm", "-rf", folder / "d"], check=True)  # what pytest removes with is not so patient


def test_folders_may_be_as_deep_as_the_system_allows(folder: Path, deep: str) -> None:
    assert names(folder) == [deep]


def test_a_folder_that_may_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a", "secret/x")
    real = os.scandir

    def scandir(path: str) -> object:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", scandir)  # root may read everything
        with pytest.raises(FailedPrecondition, match="secret") as caught:
            snapshot(folder)
        assert caught.value.reason == "FOLDER_UNREADABLE"
        put(folder, ".amlignore", content="secret/")
        assert names(folder) == [".amlignore", "a"]


def test_what_is_removed_during_the_walk_is_not_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, "a", "b/x", "c")
    real = os.scandir

    class Listing:
        """The folder's listing, after which some of it is gone."""

        def __init__(self, path: str) -> None:
            with real(path) as listing:
                self.entries = list(listing)
            if path == str(folder):
                (folder / "a").unlink()
                (folder / "b" / "x").unlink()
                (folder / "b").rmdir()

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.entries)

        def __exit__(self, *raised: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Listing)
    assert names(folder) == ["c"]


def test_each_file_is_looked_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, *(f"{number}" for number in range(50)), "d/a", "d/b")
    looks: list[object] = []
    real = os.stat

    def looking(path: str, **options: bool) -> os.stat_result:
        looks.append(path)
        return real(path, **options)

    monkeypatch.setattr(os, "stat", looking)
    assert len(snapshot(folder)) == 52
    assert len(looks) < 10


def test_the_limit_is_300_mb_unless_the_environment_says_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (folder / "sparse").open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    snapshot(folder)
    put(folder, "one more byte")
    with pytest.raises(ResourceExhausted, match=r"300\.0 MB"):
        snapshot(folder)
    monkeypatch.setenv("ORRIS_SNAPSHOT_LIMIT_BYTES", "400000000")
    snapshot(folder)
    monkeypatch.setenv("ORRIS_SNAPSHOT_LIMIT_BYTES", "lots")
    with pytest.raises(InvalidArgument, match="ORRIS_SNAPSHOT_LIMIT_BYTES"):
        snapshot(folder)


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")  # Python's, about what looks like a set in a set
@pytest.mark.parametrize("content", [b"\xff\xfe", b"[[-?]", b"!"])
def test_an_ignore_file_that_is_no_text_or_no_pattern_is_named(folder: Path, content: bytes) -> None:
    (folder / ".gitignore").write_bytes(content)
    with pytest.raises(InvalidArgument, match="gitignore"):
        snapshot(folder)
