"""Which paths a tree takes, and which not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris.tree_paths import check_collisions, check_path


@pytest.mark.parametrize(
    "path",
    [
        "train.py",
        "a/b/c",
        ".amlignore",
        "...",
        "a/..b",
        "-rf",
        "~",
        "naïve.csv",
        "数据/训练.csv",
        "a b",
        "a" * 255,
        "😀",
    ],
)
def test_a_relative_path_of_named_parts_is_a_path(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("", "empty"),
        ("/etc/passwd", "absolute"),
        ("//x", "absolute"),
        ("..", r"\.\."),
        ("../x", r"\.\."),
        ("a/../../x", r"\.\."),
        ("a/..", r"\.\."),
        (".", "empty or"),
        ("./a", "empty or"),
        ("a//b", "empty or"),
        ("a/", "empty or"),
        ("a/./b", "empty or"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x7f", "control"),
        ("a\x85b", "control"),
        ("a\x1b[31m", "control"),
        ("..\\..\\x", "backslash"),
        ("C:\\x", "backslash"),
        ("a\ud800", "Unicode"),
        ("é" * 128, "255"),
        ("/".join(["a" * 200] * 21), "4096"),
    ],
)
def test_a_path_that_leaves_its_tree_or_breaks_a_listing_is_refused(path: str, fault: str) -> None:
    with pytest.raises(InvalidArgument, match=fault) as caught:
        check_path(path)
    assert caught.value.reason == "INVALID_PATH"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a", "a"),
        ("README", "readme"),
        ("Data/x", "data/X"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("\u212b", "\u00c5"),
        ("a", "a/b"),
        ("A", "a/b/c"),
        ("a/B", "a/b/c"),
        ("caf\u00e9", "CAFE\u0301/x"),
    ],
)
def test_two_files_that_some_file_system_cannot_tell_apart_are_refused(first: str, second: str) -> None:
    between = ["a!", "a-b", "a.b", "a0", "cafe", "b"]
    for paths in ([first, *between, second], [second, *between, first]):
        with pytest.raises(InvalidArgument) as caught:
            check_collisions(paths)
        assert caught.value.reason == "INVALID_PATH"
        assert repr(first) in str(caught.value)


def test_paths_that_only_look_alike_are_all_taken() -> None:
    check_collisions(["a", "a-b", "a.b", "ab", "a b/c", "b/a", "b/a-", "b/a.d/e"])


names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=3)


@given(st.lists(st.lists(names, min_size=1, max_size=3).map("/".join), max_size=8))
def test_collisions_are_those_that_comparing_all_pairs_finds(paths: list[str]) -> None:
    folded = [path.lower() if path.isascii() else None for path in paths]
    if None in folded:
        return
    keys = [key for key in folded if key is not None]
    expected = any(
        one == other or other.startswith(one + "/")
        for i, one in enumerate(keys)
        for j, other in enumerate(keys)
        if i != j
    )
    try:
        check_collisions(paths)
    except InvalidArgument:
        assert expected
    else:
        assert not expected
