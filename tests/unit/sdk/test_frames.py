"""Tables are read in the same way where runs are submitted and inside them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import orris_agent
from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument
from orris.sdk import frames, table_options
from orris.tables import fields_of

pandas = pytest.importorskip("pandas")

Read = Callable[[Path, Any], Any]
INSIDE = Path(orris_agent.__file__).parent / "inside"


def inside() -> Any:
    """Return the module that reads tables inside a run, loaded apart from the `orris` of this process."""
    own = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "orris"}
    sys.path.insert(0, str(INSIDE))
    try:
        return importlib.import_module("orris._frames")
    finally:
        sys.path.remove(str(INSIDE))
        for name in [name for name in sys.modules if name.partition(".")[0] == "orris"]:
            del sys.modules[name]
        sys.modules.update(own)


@pytest.fixture(params=["submitting", "inside"])
def read(request: pytest.FixtureRequest) -> Read:
    module = frames if request.param == "submitting" else inside()
    return lambda folder, table: module.read_frame(str(folder), fields_of(table))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.csv").write_text("x,y,z\n3,c,03\n4,d,04\n")
    (tmp_path / "sub" / "c.csv").write_text("x,y,z\n5,e,05\n")
    (tmp_path / "a.csv").write_text("x,y,z\n1,a,01\n2,b,02\n")
    return tmp_path


def steps(*wanted: Table.Step) -> Table:
    return Table(format=Table.FORMAT_DELIMITED, steps=wanted)


def test_files_are_read_in_the_order_of_their_paths(read: Read, folder: Path) -> None:
    assert list(read(folder, table_options.delimited()).x) == [1, 2, 3, 4, 5]


def test_a_column_may_say_which_file_a_row_is_from(read: Read, folder: Path) -> None:
    frame = read(folder, table_options.delimited(include_path=True))
    assert list(frame.Path) == ["/a.csv", "/a.csv", "/b.csv", "/b.csv", "/sub/c.csv"]


def test_types_are_as_they_were_given(read: Read, folder: Path) -> None:
    """Text that looks like numbers keeps its zeros."""
    types = {"z": table_options.DataType.to_string(), "x": table_options.DataType.to_float()}
    frame = read(folder, table_options.delimited(types=types))
    assert list(frame.z) == ["01", "02", "03", "04", "05"]
    assert str(frame.x.dtype) == "float64"


def test_files_may_have_no_names_and_other_separators(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes("1|é\n2|ü\n".encode("latin-1"))
    frame = read(tmp_path, table_options.delimited("|", header=False, encoding="latin-1"))
    assert list(frame.columns) == ["Column1", "Column2"]
    assert list(frame.Column2) == ["é", "ü"]


def test_json_lines(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"x": 1, "y": "a"}\n{"x": 2, "y": null}\n')
    assert list(read(tmp_path, table_options.json_lines()).x) == [1, 2]


def test_steps_are_done_in_order(read: Read, folder: Path) -> None:
    step = Table.Step
    table = steps(step(skip=1), step(take=3), step(keep_columns=Table.Columns(names=["y", "x"])), step(skip=1))
    frame = read(folder, table)
    assert (list(frame.columns), list(frame.x), list(frame.index)) == (["y", "x"], [3, 4], [0, 1])
    assert list(read(folder, steps(step(drop_columns=Table.Columns(names=["y"])))).columns) == ["x", "z"]


def test_parts_have_each_row_once(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n" + "\n".join(map(str, range(1000))) + "\n")
    first, second = (
        read(tmp_path, steps(Table.Step(sample=Table.Sample(seed=7, low=low, high=high))))
        for low, high in ((0, 0.3), (0.3, 1))
    )
    assert sorted([*first.x, *second.x]) == list(range(1000))
    assert 250 < len(first) < 350
    assert list(first.x[:3]) == list(read(tmp_path, steps(Table.Step(sample=Table.Sample(seed=7, high=0.3)))).x[:3])


def test_a_column_that_is_not_there_is_named_with_those_that_are(read: Read, folder: Path) -> None:
    table = steps(Table.Step(keep_columns=Table.Columns(names=["w"])))
    with pytest.raises(Exception, match=r"no column 'w'; it has x, y, z"):
        read(folder, table)


def test_types_that_no_column_has_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="no type of a column"):
        table_options.delimited(types={"x": "complex"})
