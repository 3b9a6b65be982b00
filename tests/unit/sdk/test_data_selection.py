"""Which files a path in a datastore means."""

from __future__ import annotations

import pytest

from orris.artifacts.v1.artifacts_pb2 import TreeEntry
from orris.errors import InvalidArgument, NotFound
from orris.sdk.data_selection import Selection, selected

FILES = ["a/1.csv", "a/2.csv", "a/b/3.csv", "a/b/x.txt", "c/1.csv", "top.csv"]


def listing(prefix: str) -> list[TreeEntry]:
    return [
        TreeEntry(path=path, digest=path)
        for path in FILES
        if path == prefix or f"{path}/".startswith(f"{prefix}/" if prefix else "")
    ]


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["a"], ["1.csv", "2.csv", "b/3.csv", "b/x.txt"]),
        (["/a/"], ["1.csv", "2.csv", "b/3.csv", "b/x.txt"]),
        (["a/1.csv"], ["1.csv"]),
        (["a/*.csv"], ["1.csv", "2.csv"]),
        (["a/**/*.csv"], ["1.csv", "2.csv", "b/3.csv"]),
        (["a/**"], ["1.csv", "2.csv", "b/3.csv", "b/x.txt"]),
        (["**/?.csv"], ["a/1.csv", "a/2.csv", "a/b/3.csv", "c/1.csv"]),
        ([""], FILES),
        (["a/1.csv", "a/b/3.csv"], ["1.csv", "b/3.csv"]),
        (["a/1.csv", "c/1.csv"], ["a/1.csv", "c/1.csv"]),
        (["a", "a/1.csv"], ["1.csv", "2.csv", "b/3.csv", "b/x.txt"]),
    ],
)
def test_paths_and_patterns(paths: list[str], found: list[str]) -> None:
    assert sorted(selected([(Selection(path), listing) for path in paths])) == sorted(found)


@pytest.mark.parametrize("path", ["nothing", "a/*.parquet", "a/1.cs", "a.csv"])
def test_a_path_that_means_nothing_is_an_error(path: str) -> None:
    with pytest.raises(NotFound, match="nothing is at"):
        selected([(Selection(path), listing)])


def test_two_files_with_one_path_are_an_error() -> None:
    def other(prefix: str) -> list[TreeEntry]:
        return [TreeEntry(path="a/1.csv", digest="other")]

    with pytest.raises(InvalidArgument, match="two different files"):
        selected([(Selection("a/1.csv"), listing), (Selection("a/1.csv"), other)])
