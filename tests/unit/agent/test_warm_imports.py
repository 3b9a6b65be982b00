"""What is taken for imports of a script, and what is learned from its runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from orris_agent.beneath import Beneath
from orris_agent.runtimes.warm.imports import in_order, source_of
from orris_agent.runtimes.warm.learned import Lesson, Lessons, modules_in


@pytest.mark.parametrize(
    ("text", "imports"),
    [
        ("import numpy", {"numpy"}),
        ("import numpy as np, os.path as p", {"numpy", "os.path"}),
        ("from sklearn.svm import SVC", {"sklearn.svm", "sklearn.svm.SVC?"}),
        (
            "from sklearn import (svm,  # comment, with a comma\n  tree as t,\n)",
            {"sklearn", "sklearn.svm?", "sklearn.tree?"},
        ),
        ("try:\n    import pandas\nexcept ImportError:\n    pass", {"pandas"}),
        ("from . import own\nfrom .own import f", set()),
        ("from numpy import *", {"numpy"}),
        ("import numpy; print(1)", {"numpy"}),
        ("importlib.import_module('x')\nimports = 1\nfromage = 2", set()),
        ("import \nfrom x import\nimport 1x, a-b", set()),
        ("import é", {"é"}),
    ],
)
def test_imports_are_read_as_text(tmp_path: Path, text: str, imports: set[str]) -> None:
    (tmp_path / "main.py").write_text(text)
    assert source_of(tmp_path / "main.py").imports == imports


def test_what_is_beside_the_script_is_read_too_and_never_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import own\nfrom package.part import f\nimport package.missing\nimport numpy")
    (tmp_path / "own.py").write_text("import joblib\nimport main")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("import pandas")
    (tmp_path / "package" / "part.py").write_text("import scipy.stats")
    (tmp_path / "numpy").mkdir()
    assert source_of(tmp_path / "main.py").imports == {"joblib", "pandas", "scipy.stats"}


def test_any_bytes_are_read(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_bytes(b"\xff\x00import numpy\n(" * 10_000 + b"\nimport joblib")
    assert "joblib" in source_of(tmp_path / "main.py").imports
    assert source_of(tmp_path / "absent.py").imports == set()


def test_packages_come_before_what_is_in_them() -> None:
    assert in_order(frozenset({"a.b.c?", "a.b", "a"})) == ["a", "a.b", "a.b.c?"]


def test_what_every_run_imports_is_learned(tmp_path: Path) -> None:
    lessons = Lessons(tmp_path)
    assert lessons.of("k").take(["a", "b", "c"])
    assert not lessons.of("k").take(["c", "d", "b", "a"])
    assert lessons.of("k").take(["c", "a"])
    lessons.save("k")
    assert Lessons(tmp_path).of("k").modules == ["a", "c"]


@pytest.mark.parametrize("content", ["", "[]", '{"modules": 1, "other": 2}', "\0"])
def test_a_lesson_that_cannot_be_read_is_learned_again(tmp_path: Path, content: str) -> None:
    (tmp_path / "k.json").write_text(content)
    assert Lessons(tmp_path).of("k") == Lesson()


def test_unfit_modules_are_left_out_with_what_is_in_them() -> None:
    lesson = Lesson(unfit={"a.b": "it prints"})
    assert [name for name in ("a", "a.b", "a.b?", "a.b.c", "a.bc") if lesson.is_fit(name)] == ["a", "a.bc"]


def test_runs_are_asked_for_their_imports_often_at_first() -> None:
    asked = [Lesson(runs=runs).is_wanted for runs in range(100)]
    assert asked[:5] == [True] * 5
    assert 0 < sum(asked[5:]) < 5


def test_a_run_may_have_written_anything(tmp_path: Path) -> None:
    (tmp_path / "modules.txt").write_bytes(b"numpy\n../x\n\xff\nimport os\n\na.b\n1a\n")
    assert modules_in(Beneath(tmp_path)) == ["numpy", "a.b"]


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.symlink_to("/etc/hostname"), Path.mkdir])
def test_what_is_no_file_of_the_run_teaches_nothing(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "modules.txt")
    assert modules_in(Beneath(tmp_path)) == []
