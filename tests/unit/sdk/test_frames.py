"""Tables are read in the same way where runs are submitted and inside them."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

import orris_agent
from orris.artifacts.v1.data_pb2 import Table
from orris.errors import InvalidArgument
from orris.sdk import frames, table_options
from orris.sdk.tabular_dataset import TabularDataset
from orris.tables import plan_of

pandas = pytest.importorskip("pandas")

Read = Callable[..., Any]
LATE = 2  # a seed that chooses late rows
INSIDE = Path(orris_agent.__file__).parent / "inside"


def inside(module: str = "_frames") -> Any:
    """Return a module of the library inside a run, loaded apart from the `orris` of this process."""
    own = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "orris"}
    sys.path.insert(0, str(INSIDE))
    try:
        return importlib.import_module(f"orris.{module}")
    finally:
        sys.path.remove(str(INSIDE))
        for name in [name for name in sys.modules if name.partition(".")[0] == "orris"]:
            del sys.modules[name]
        sys.modules.update(own)


@pytest.fixture(params=["submitting", "inside"])
def read(request: pytest.FixtureRequest) -> Read:
    module = frames if request.param == "submitting" else inside()
    return lambda folder, table, **options: module.read_frame(str(folder), plan_of(table), **options)


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


@pytest.mark.parametrize("name", ["b.csv", "d.csv"])
def test_what_comes_after_the_rows_that_are_taken_is_not_read(read: Read, folder: Path, name: str) -> None:
    (folder / "d.csv").write_text("x,y,z\n")
    with (folder / name).open("a") as file:
        file.write("6,f\n7,g,07,and more than there are columns\n")
    step = Table.Step
    taken = read(folder, steps(step(skip=1), step(keep_columns=Table.Columns(names=["x"])), step(take=3)))
    assert list(taken.x) == [2, 3, 4]
    assert list(read(folder, steps(step(take=0))).columns) == ["x", "y", "z"]
    with pytest.raises(pandas.errors.ParserError):
        read(folder, steps(step(skip=5), step(take=9)))


@pytest.mark.parametrize("skip_invalid", [True, False])
def test_objects_are_counted_and_lines_without_any_are_not(read: Read, tmp_path: Path, skip_invalid: bool) -> None:
    (tmp_path / "a.jsonl").write_text('{"x": 1}\n\n{"x": 2}\n')
    (tmp_path / "b.jsonl").write_text('{"x": 3}\n{"x": 4}\n')
    table = table_options.json_lines(skip_invalid_lines=skip_invalid)
    table.steps.add(take=3)
    assert list(read(tmp_path, table).x) == [1, 2, 3]


def test_rows_that_are_taken_by_chance_are_looked_for_in_all(read: Read, folder: Path) -> None:
    chance = random.Random(LATE)
    chosen = [x for x in range(1, 6) if chance.random() < 0.4]
    assert chosen[1] == 4
    by_chance = Table.Step(sample=Table.Sample(seed=LATE, high=0.4))
    assert list(read(folder, steps(by_chance, Table.Step(take=2))).x) == chosen[:2]


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


def test_types_need_not_be_told_from_values(read: Read, folder: Path) -> None:
    frame = read(folder, table_options.delimited(types={"x": "int"}, infer_types=False))
    assert (list(frame.x), list(frame.z)) == ([1, 2, 3, 4, 5], ["01", "02", "03", "04", "05"])
    named = read(folder, table_options.delimited(header=False, types={"Column3": "string"}))
    assert list(named.Column3)[:3] == ["z", "01", "02"]


def test_what_is_empty_may_be_empty_text(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n,\n")
    assert list(read(tmp_path, table_options.delimited()).y.isna()) == [False, True]
    frame = read(tmp_path, table_options.delimited(empty_is_text=True))
    assert (list(frame.y), list(frame.x.isna())) == (["a", ""], [False, True])


def test_values_that_are_not_of_the_type_are_missing_or_refused(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("i,f,b,t\n1,1.5,True,2020-01-31\nx,y,maybe,then\n2,3,no,\n")
    types = {"i": "int", "f": "float", "b": "bool", "t": "datetime"}
    frame = read(tmp_path, table_options.delimited(types=types))
    assert list(frame.i.dropna()) == [1, 2]
    assert list(frame.f.dropna()) == [1.5, 3]
    assert list(frame.b.dropna()) == [True, False]
    assert [each.isoformat() for each in frame.t.dropna()] == ["2020-01-31T00:00:00"]
    for column, kind in types.items():
        with pytest.raises(Exception, match=rf"in the column '{column}' is no {kind}"):
            read(tmp_path, table_options.delimited(types={column: kind}), strict=True)


def test_moments_are_written_as_it_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("t\n03/04/2021\n2021-12-31\n")
    types = {"t": table_options.DataType.to_datetime(["%d/%m/%Y", "%Y-%m-%d"])}
    frame = read(tmp_path, table_options.delimited(types=types), strict=True)
    assert [each.isoformat()[:10] for each in frame.t] == ["2021-04-03", "2021-12-31"]


def test_lines_that_are_no_json_may_be_passed_over(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_bytes(b'{"x": 1}\nnonsense\n\xff\n[2]\n{"x": 3}\n')
    assert list(read(tmp_path, table_options.json_lines(skip_invalid_lines=True)).x) == [1, 3]
    with pytest.raises(ValueError):  # noqa: PT011  # pandas' own words
        read(tmp_path, table_options.json_lines())


def test_paths_say_what_is_in_columns(read: Read, tmp_path: Path) -> None:
    for path in ("fr/2020/01/31/a.csv", "de/2021/12/01/b.csv"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("x\n1\n")
    table = table_options.delimited(partition_format="/data/{country}/{day:yyyy/MM/dd}/*.csv", include_path=True)
    frame = read(tmp_path, table)
    assert list(frame.columns) == ["Path", "country", "day", "x"]
    assert list(frame.country) == ["de", "fr"]
    assert [each.isoformat()[:10] for each in frame.day] == ["2021-12-01", "2020-01-31"]
    for wrong in ("{a}/{b}/{c}/{d}/{e}/{f}.csv", "/{country}/{day:yyyy}/b.csv"):
        with pytest.raises(Exception, match="does not end like that"):
            read(tmp_path, table_options.delimited(partition_format=wrong))
    with pytest.raises(Exception, match="column 'x' itself"):
        read(tmp_path, table_options.delimited(partition_format="{x}.csv"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("/data/", "names no column"),
        ("{a}/{a}", "'a' is in it twice"),
        ("{a}/{b:MM}", "is no moment"),
        ("{a:yyyy/MM/MM}", "is no moment"),
        ("{a:yyyyT}", "is no moment"),
        ("{a}/}", "a brace in it"),
        ("{a}/{}", "a brace in it"),
    ],
)
def test_a_format_that_says_nothing_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        plan_of(table_options.parquet(partition_format=text))


AGES = "age,name,since,nothing\n30,ada,2020-01-01,\n40,,2021-06-01,\n,eva,2022-01-01,\n50,ada,,\n"


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (lambda t: t["age"] > 30, [1, 3]),
        (lambda t: t["age"] >= 40, [1, 3]),
        (lambda t: t["age"] < 40, [0]),
        (lambda t: t["age"] <= 40, [0, 1]),
        (lambda t: t["name"] == "ada", [0, 3]),
        (lambda t: t["name"] != "ada", [2]),
        (lambda t: t["name"].is_null(), [1]),
        (lambda t: (t["name"] == "ada") & (t["age"] > 30), [3]),
        (lambda t: (t["name"] == "eva") | ~(t["age"] > 30), [0, 2]),
        (lambda t: t["since"] < datetime(2021, 12, 31), [0, 1]),  # noqa: DTZ001  # as values of the column
        (lambda t: t["name"].isin(["ada", "bob"]), [0, 3]),
        (lambda t: t["age"].isin(pandas.Series([30, 50]).to_numpy()), [0, 3]),
        (lambda t: ~t["name"].isin(["ada"]), [1, 2]),
        (lambda t: t["name"].isin([]), []),
        (lambda t: t["name"].starts_with("a"), [0, 3]),
        (lambda t: t["name"].startswith("a") & t["name"].endswith("a"), [0, 3]),
        (lambda t: t["name"].ends_with("va"), [2]),
        (lambda t: t["name"].contains("."), []),
        (lambda t: ~t["name"].contains("d"), [1, 2]),
        (lambda t: t["nothing"].starts_with("x") | (t["nothing"] < "x"), []),
    ],
)
def test_rows_are_chosen_by_conditions_on_both_sides(tmp_path: Path, condition: Any, rows: list[int]) -> None:
    """What a condition is spelled as inside a run is read there as what it is where runs are submitted."""
    (tmp_path / "t.csv").write_text(AGES)
    table = table_options.delimited(types={"since": "datetime"})
    here = TabularDataset(None, table)  # type: ignore[arg-type]  # its files are not asked for
    chosen = here.filter(condition(here)).table
    assert chosen is not None
    column = inside("_table_filter").Column
    inner = condition(type("Table", (), {"__getitem__": lambda self, name: column(name)})()).condition
    whole = frames.read_frame(tmp_path, plan_of(table))
    for found in (
        frames.read_frame(tmp_path, plan_of(chosen)),
        inside().read_frame(str(tmp_path), plan_of(table) | {"steps": [{"filter": inner}]}),
    ):
        assert found.equals(whole.iloc[rows].reset_index(drop=True))


def test_conditions_that_cannot_be_say_why(read: Read, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(AGES)
    table = TabularDataset(None, table_options.delimited())  # type: ignore[arg-type]  # its files are not asked for
    wrongs: list[Callable[[], object]] = [
        lambda: table.filter(table["a"] > 1 and table["b"] > 1),
        lambda: table.filter("age > 3"),  # type: ignore[arg-type]
        lambda: table.filter((table["a"] > 1) & True),  # type: ignore[operator]
        lambda: table["a"] == [1],
        lambda: table["a"] == 2**60,
        lambda: table["a"].contains(3),  # type: ignore[arg-type]
        lambda: table["a"].isin("ada"),
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidArgument, match="filter"):
            wrong()
    for problem, condition in (
        ("no column 'w'", table["w"] == 1),
        ("cannot be compared", table["name"] < 3),
        ("'age' cannot be compared with 'x': its type is float64", table["age"].starts_with("x")),
    ):
        with pytest.raises(Exception, match=problem):
            read(tmp_path, table.filter(condition).table)


@pytest.mark.parametrize(
    ("named", "given"),
    [
        ("count", -1),
        ("count", 1.5),
        ("percentage", 1.01),
        ("percentage", float("nan")),
        ("percentage", "half"),
        ("seed", 1 << 63),
        ("seed", 0.5),
    ],
)
def test_parts_that_are_none_are_refused_on_both_sides(named: str, given: Any) -> None:
    here: Any = TabularDataset(None, table_options.delimited())  # type: ignore[arg-type]  # its files are not asked for
    inner = inside("_tables").TabularDataset(None, {"table": {}, "id": "", "dataset": ""})
    ways: dict[str, list[Callable[[Any], object]]] = {
        "count": [lambda table: table.take(given), lambda table: table.skip(given)],
        "percentage": [lambda table: table.random_split(given), lambda table: table.take_sample(given)],
        "seed": [lambda table: table.random_split(0.5, given)],
    }
    for way in ways[named]:
        for table in (here, inner):
            with pytest.raises(Exception, match=f"^{named}: "):
                way(table)


def test_how_files_are_read_is_spelled_alike_on_both_sides() -> None:
    inner = inside("_table_options")
    kinds = [module.DataType for module in (table_options, inner)]
    types, inner_types = ({"x": kind.to_float(), "t": kind.to_datetime(["%d/%m/%Y", "%Y"])} for kind in kinds)
    for said, spelled in (
        (
            table_options.delimited("|", False, "iso88591", True, types, infer_types=False, empty_is_text=True),
            inner.delimited("|", False, "iso88591", True, inner_types, False, True),
        ),
        (
            table_options.delimited(),
            inner.delimited(",", inner.PromoteHeadersBehavior(3), "utf8", False, None, True, False),
        ),
        (table_options.parquet(True, {"x": "int"}), inner.parquet(True, {"x": "int"})),
        (
            table_options.json_lines(encoding="utf8bom", skip_invalid_lines=True),
            inner.json_lines(False, "utf8bom", None, True),
        ),
    ):
        assert json_format.ParseDict(spelled, Table()) == said
    wrongs: list[Callable[[], object]] = [
        lambda: inner.parquet(False, {"x": "complex"}),
        lambda: inner.DataType.to_float(","),
        lambda: inner.delimited(",", inner.PromoteHeadersBehavior(1), "utf8", False, None, True, False),
    ]
    for wrong in wrongs:
        with pytest.raises(Exception, match=r"no type of a column|decimal_mark|header"):
            wrong()


def test_a_seed_may_be_one_of_numpys() -> None:
    """And means the same as Python's."""
    (seed,) = pandas.Series([7]).to_numpy()
    table = TabularDataset(None, table_options.delimited())  # type: ignore[arg-type]  # its files are not asked for
    assert [each.table for each in table.random_split(0.5, seed)] == [each.table for each in table.random_split(0.5, 7)]
