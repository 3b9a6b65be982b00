"""The rules of datasets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orris.artifacts.v1 import data_pb2 as pb
from orris.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from orris.tables import dataset_id, definition_of, table_of
from orris_artifacts.core import Artifacts
from orris_artifacts.data_translation import draft_from, version_message
from orris_artifacts.datasets import Claim, Draft
from tests.unit.artifacts.conftest import NOW, Clock
from tests.unit.artifacts.test_datastores import collect, tree

IRIS = Claim("lab", "iris")
NO_PART = pb.Table.Step(sample=pb.Table.Sample(low=0.5, high=float("nan")))


def draft(tree: str, **fields: Any) -> Draft:
    return Draft(tree, dataset_id(tree), **fields)


def test_versions_are_numbered_and_the_latest_is_found(core: Artifacts) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    first = core.datasets.create(IRIS, draft(one, description="first", tags={"a": "1"}, created_by="eva"))
    second = core.datasets.create(IRIS, draft(two))
    assert (first.number, first.file_count, first.total_size, first.create_time) == (1, 1, 3, NOW)
    assert (second.number, second.name) == (2, "workspaces/lab/datasets/iris/versions/2")
    assert core.datasets.get("lab", "iris") == second
    assert core.datasets.get("lab", "iris", 1) == first


def test_unchanged_files_are_no_new_version(core: Artifacts) -> None:
    one = tree(core, b"one")
    first = core.datasets.create(IRIS, draft(one, description="said before", tags={"a": "1"}))
    again = core.datasets.create(IRIS, draft(one, tags={"b": "2"}))
    assert (again.number, again.description, again.tags) == (1, "said before", {"a": "1", "b": "2"})
    assert core.datasets.get("lab", "iris", 1) == again
    assert first.id == again.id


def test_the_same_files_read_otherwise_are_a_new_version(core: Artifacts) -> None:
    one = tree(core, b"one")
    tabs = definition_of(pb.Table(format=pb.Table.FORMAT_DELIMITED, separator="\t"))
    core.datasets.create(IRIS, draft(one))
    other = core.datasets.create(IRIS, Draft(one, dataset_id(one, tabs), tabs))
    assert other.number == 2
    assert table_of(other.table_definition).separator == "\t"


def test_the_same_files_are_another_version_where_their_paths_say_something(core: Artifacts) -> None:
    files = pb.DatasetVersion(tree=f"workspaces/lab/trees/{tree(core, b'one')}")
    said = pb.DatasetVersion(tree=files.tree, partition_format="/{day:yyyy}/x.csv")
    for each in (files, said, said):
        core.datasets.create(IRIS, draft_from("lab", each, "eva", ""))
    found = version_message(core.datasets.get("lab", "iris"))
    assert (found.name.rpartition("/")[2], found.partition_format, found.HasField("table")) == (
        "2",
        "/{day:yyyy}/x.csv",
        False,
    )
    assert not version_message(core.datasets.get("lab", "iris", 1)).partition_format


def test_who_wants_only_the_first_leaves_others_alone(core: Artifacts) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    core.datasets.create(IRIS, draft(one), only_first=True)
    assert core.datasets.create(IRIS, draft(one), only_first=True).number == 1
    with pytest.raises(AlreadyExists) as refused:
        core.datasets.create(IRIS, draft(two), only_first=True)
    assert refused.value.reason == "DATASET_EXISTS"
    assert core.datasets.get("lab", "iris").number == 1


def test_a_retry_returns_what_the_first_made_whatever_came_since(core: Artifacts) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    claim = Claim("lab", "iris", "r1", b"payload")
    core.datasets.create(claim, draft(one))
    core.datasets.create(IRIS, draft(two))
    assert core.datasets.create(claim, draft(one)).number == 1
    with pytest.raises(InvalidArgument, match="used for another request"):
        core.datasets.create(Claim("lab", "iris", "r1", b"other"), draft(two))


def test_a_tree_that_is_not_stored_makes_nothing(core: Artifacts) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        core.datasets.create(IRIS, draft("0" * 64))
    assert refused.value.reason == "TARGET_MISSING"
    with pytest.raises(NotFound, match="no dataset 'iris'"):
        core.datasets.get("lab", "iris")


def test_files_are_kept_as_long_as_a_version_or_a_run_needs_them(core: Artifacts, clock: Clock) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    for each in (one, two):
        core.datasets.create(IRIS, draft(each))
    core.references.set("lab", "workspaces/lab/runs/r1", [f"workspaces/lab/trees/{one}"], [])
    core.datasets.delete("lab", "iris", 1)
    clock.turn(days=2)
    collect(core)
    assert core.trees.get("lab", one).file_count == 1
    assert core.trees.get("lab", two).file_count == 1
    core.references.delete("lab", "workspaces/lab/runs/r1")
    core.datasets.delete("lab", "iris", 2)
    clock.turn(days=2)
    collect(core)
    for each in (one, two):
        with pytest.raises(NotFound):
            core.trees.get("lab", each)


def test_a_number_is_not_used_again(core: Artifacts) -> None:
    core.datasets.create(IRIS, draft(tree(core, b"one")))
    core.datasets.delete("lab", "iris", 1)
    with pytest.raises(NotFound):
        core.datasets.delete("lab", "iris", 1)
    assert core.datasets.create(IRIS, draft(tree(core, b"two"))).number == 2


def test_who_is_looked_for_in_vain_is_told_what_there_is(core: Artifacts) -> None:
    core.datasets.create(IRIS, draft(tree(core, b"one")))
    with pytest.raises(NotFound, match="similar names: iris"):
        core.datasets.get("lab", "irises")
    with pytest.raises(NotFound, match="has no version 7; it has 1"):
        core.datasets.get("lab", "iris", 7)


def test_lists_come_in_pages(core: Artifacts) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    for dataset in ("b", "a"):
        for each in (one, two):
            core.datasets.create(Claim("lab", dataset), draft(each))
    first, more = core.datasets.latest("lab", "", 1)
    assert ([(each.dataset, each.number) for each in first], more) == ([("a", 2)], True)
    rest, more = core.datasets.latest("lab", "a", 1)
    assert ([(each.dataset, each.number) for each in rest], more) == ([("b", 2)], False)
    newest, more = core.datasets.versions("lab", "a", None, 1)
    assert ([each.number for each in newest], more) == ([2], True)
    older, more = core.datasets.versions("lab", "a", 2, 1)
    assert ([each.number for each in older], more) == ([1], False)
    same, more = core.datasets.with_id("lab", dataset_id(one), ("", 0), 1)
    assert ([(each.dataset, each.number) for each in same], more) == ([("a", 1)], True)
    same, more = core.datasets.with_id("lab", dataset_id(one), ("a", 1), 1)
    assert ([(each.dataset, each.number) for each in same], more) == ([("b", 1)], False)


def test_description_and_tags_change(core: Artifacts) -> None:
    core.datasets.create(IRIS, draft(tree(core, b"one"), tags={"a": "1", "b": "2"}))
    changed = core.datasets.update("lab", "iris", 1, description="new", set_tags={"c": "3"}, remove_tags=["a"])
    assert (changed.description, changed.tags) == ("new", {"b": "2", "c": "3"})
    assert core.datasets.get("lab", "iris") == changed
    with pytest.raises(InvalidArgument, match="at most 50"):
        many = {str(number): "" for number in range(51)}
        core.datasets.update("lab", "iris", 1, description=None, set_tags=many, remove_tags=[])
    assert core.datasets.get("lab", "iris") == changed


def test_many_who_register_at_once_get_numbers_of_their_own(core: Artifacts) -> None:
    trees = [tree(core, str(number).encode()) for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda each: core.datasets.create(IRIS, draft(each)).number, trees))
    assert sorted(made) == list(range(1, 13))


CONDITION = pb.Table.Condition
EQUAL = CONDITION.OPERATOR_EQUAL
UNKNOWN = CONDITION.Comparison(column="x", operator=9, number=1)  # type: ignore[arg-type]  # of another version
TIMES = pb.Table.TimeFormats(formats=["%Y"])


def filtered(**condition: Any) -> pb.Table:
    step = pb.Table.Step(filter=CONDITION(**condition))
    return pb.Table(format=pb.Table.FORMAT_PARQUET, steps=[step])


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (pb.Table(), "table.format"),
        (pb.Table(format=9), "table.format"),  # type: ignore[arg-type]  # of another version of the contract
        (pb.Table(format=pb.Table.FORMAT_DELIMITED, separator="::"), "table.separator"),
        (pb.Table(format=pb.Table.FORMAT_DELIMITED, separator="\n"), "table.separator"),
        (pb.Table(format=pb.Table.FORMAT_DELIMITED, encoding="zip"), "table.encoding"),
        (pb.Table(format=pb.Table.FORMAT_DELIMITED, encoding="a\0b"), "table.encoding"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, column_types={"x": "complex"}), "types are string"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, steps=[pb.Table.Step()]), "a step does something"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, steps=[pb.Table.Step(take=-1)]), "table.steps.take"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, steps=[pb.Table.Step(take=1)] * 101), "at most 100"),
        (
            pb.Table(format=pb.Table.FORMAT_PARQUET, steps=[NO_PART]),
            "table.steps.sample",
        ),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, path_column="a\0b"), "table.path_column"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, timestamp_column="a\0b"), "table.timestamp_column"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, partition_timestamp_column="x" * 256), "table.partition_timestamp"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, partition_format="{a}/{a}"), "partition_format"),
        (pb.Table(format=pb.Table.FORMAT_PARQUET, time_formats={"t": TIMES}), "of the type datetime"),
        (
            pb.Table(
                format=pb.Table.FORMAT_PARQUET,
                column_types={"t": "datetime"},
                time_formats={"t": pb.Table.TimeFormats()},
            ),
            "1 to 20 formats",
        ),
        (filtered(), "a condition compares"),
        (filtered(any=CONDITION.Conditions()), "a condition compares"),
        (filtered(negated=CONDITION(all=CONDITION.Conditions())), "a condition compares"),
        (filtered(compare=CONDITION.Comparison(operator=EQUAL, number=1)), "a column's name"),
        (filtered(compare=CONDITION.Comparison(column="x", number=1)), "how the column is compared"),
        (filtered(compare=CONDITION.Comparison(column="x", operator=EQUAL)), "what with"),
        (
            filtered(compare=CONDITION.Comparison(column="x", operator=CONDITION.OPERATOR_MISSING, number=1)),
            "MISSING compares",
        ),
        (filtered(compare=UNKNOWN), "how the column is compared"),
        (filtered(compare=CONDITION.Comparison(column="x", operator=CONDITION.OPERATOR_CONTAINS, number=1)), "a text"),
        (filtered(compare=CONDITION.Comparison(column="x", operator=EQUAL, number=float("nan"))), "is a number"),
    ],
)
def test_a_table_that_nobody_can_read_is_refused(table: pb.Table, said: str) -> None:
    message = pb.DatasetVersion(tree=f"workspaces/lab/trees/{'0' * 64}", table=table)
    with pytest.raises(InvalidArgument, match=said) as refused:
        draft_from("lab", message, "eva", "")
    assert refused.value.reason == "INVALID_DATASET"


def test_a_table_with_all_there_is_comes_back_as_it_was() -> None:
    compared = CONDITION.Comparison(column="x", operator=CONDITION.OPERATOR_LESS, number=0)
    table = filtered(any=CONDITION.Conditions(conditions=[CONDITION(compare=compared)]))
    table.MergeFrom(pb.Table(all_text=True, empty_is_text=True, skip_invalid_lines=True, partition_format="{a}"))
    table.column_types["t"] = "datetime"
    table.time_formats["t"].CopyFrom(TIMES)
    message = pb.DatasetVersion(tree=f"workspaces/lab/trees/{'0' * 64}", table=table)
    assert table_of(draft_from("lab", message, "eva", "").table_definition) == table


def test_what_is_equal_has_one_id_whatever_the_order_of_its_fields() -> None:
    one = pb.Table(format=pb.Table.FORMAT_DELIMITED, column_types={"a": "int", "b": "float"})
    other = pb.Table(column_types={"b": "float", "a": "int"}, format=pb.Table.FORMAT_DELIMITED)
    assert dataset_id("0" * 64, definition_of(one)) == dataset_id("0" * 64, definition_of(other))
    assert dataset_id("0" * 64, definition_of(one)) != dataset_id("0" * 64)
