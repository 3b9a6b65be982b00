"""Which files of a source folder a run gets."""

from __future__ import annotations

import os
import socket
import warnings
from pathlib import Path

import pytest

from orris.errors import InvalidArgument, NotFound, ResourceExhausted
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
    assert snapshot(folder) == {
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
    assert found["folder/a.txt"].read_text() == "x"


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


def test_an_ignore_file_that_is_no_text_is_named(folder: Path) -> None:
    (folder / ".gitignore").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidArgument, match="gitignore"):
        snapshot(folder)
