"""Matching all patterns at once gives what pathspec gives for one after the other."""

from __future__ import annotations

import itertools
import re

import pathspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.sdk.ignore import ALWAYS, Ignore

PATTERNS = [
    "*.csv", "data/", "/data", "data/**/note.txt", "**/b/c", "a/**", "a/*", "b", "/b/c", "?.py", "[ab].py", "[!a].py",
    "*.py[cod]", "a b", r"\\#x", "x$y", "(a|b)", "a+b", "**/", "# comment", "", " ", "*$py.class", "docs/_build/",
    "a/b/", "**/a/**", "{a,b}", "(?P<ps_d>a)", r"a\\b", "d?ta", "*",
]  # fmt: skip
NAMES = ["a", "b", "c", "data", "note.txt", "x.csv", "a.py", "m.pyc", "a b", "#x", "x$y", "(a|b)", "a+b", "m$py.class",
         ".git", "__pycache__", ".DS_Store", "docs", "_build", "{a,b}", "a\nb", "ä", "(a)"]  # fmt: skip
PATHS = ["/".join(parts) for length in (1, 2, 3) for parts in itertools.product(NAMES, repeat=length)][::7]


def expected(lines: list[str], path: str) -> bool:
    return pathspec.GitIgnoreSpec.from_lines([*ALWAYS, *lines]).match_file(path)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_one_pattern_with_those_that_always_apply(pattern: str) -> None:
    spec, ignore = pathspec.GitIgnoreSpec.from_lines([*ALWAYS, pattern]), Ignore([pattern])
    for path in PATHS:
        assert ignore.file(path) == spec.match_file(path), path
        assert ignore.folder(path) == spec.match_file(f"{path}/"), path


@given(st.lists(st.sampled_from(PATTERNS), max_size=5), st.sampled_from(PATHS))
def test_several_patterns(lines: list[str], path: str) -> None:
    ignore = Ignore(lines)
    assert ignore.file(path) == expected(lines, path)
    assert ignore.folder(path) == expected(lines, f"{path}/")


@pytest.mark.filterwarnings("ignore:Possible:FutureWarning")  # Python's, about what looks like a set in a set
@given(st.lists(st.text("ab*?[]!/\\\\.(|)^$#{} -", max_size=8), max_size=4), st.sampled_from(PATHS))
def test_patterns_of_any_characters(lines: list[str], path: str) -> None:
    try:
        wanted = expected(lines, path)
    except (ValueError, re.error) as refusal:
        with pytest.raises(type(refusal)):
            Ignore(lines)
        return
    assert Ignore(lines).file(path) == wanted
