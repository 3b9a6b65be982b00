"""Datastores and datasets, as they are used where runs are submitted."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orris import Dataset, Datastore, Experiment, OutputFileDatasetConfig, ScriptRunConfig, Workspace
from orris.artifacts.v1 import data_pb2
from orris.errors import AlreadyExists, Conflict, FailedPrecondition, InvalidArgument, NotFound
from orris.runs.v1 import runs_pb2
from orris.sdk.data_inputs import DatasetConsumptionConfig
from orris.sdk.dataset_factory import from_delimited_files, from_files
from orris.sdk.dataset_files import KeptFiles
from tests.fakes.services.server import FakeOrris


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    top = tmp_path / "data"
    (top / "sub").mkdir(parents=True)
    (top / "a.csv").write_text("x\n1\n")
    (top / "sub" / "b.csv").write_text("x\n2\n")
    (top / ".gitignore").write_text("*.csv\n")
    return top


def test_all_files_are_uploaded_whatever_is_ignored(server: FakeOrris, lab: Workspace, folder: Path) -> None:
    path = lab.get_default_datastore().upload(folder, "here")
    assert set(server.data.files()) == {"here/a.csv", "here/sub/b.csv", "here/.gitignore"}
    assert path.path_on_datastore == "here"


def test_files_that_are_there_stay_unless_they_are_to_be_replaced(
    server: FakeOrris, lab: Workspace, folder: Path
) -> None:
    store = Datastore(lab)
    store.upload(folder)
    (folder / "a.csv").write_text("changed")
    (folder / "new.csv").write_text("new")
    store.upload(folder)
    assert (server.data.files()["a.csv"], server.data.files()["new.csv"]) == (b"x\n1\n", b"new")
    store.upload(folder, overwrite=True)
    assert server.data.files()["a.csv"] == b"changed"


def test_who_changes_a_datastore_at_the_same_time_loses_nothing(
    server: FakeOrris, lab: Workspace, folder: Path
) -> None:
    server.fail_next("UpdateDatastore", Conflict("changed", reason="DATASTORE_CHANGED"), times=2)
    Datastore(lab).upload_files([folder / "a.csv", folder / "sub" / "b.csv"], target_path="t")
    assert set(server.data.files()) == {"t/a.csv", "t/sub/b.csv"}


def test_a_datastore_is_downloaded_and_emptied(server: FakeOrris, lab: Workspace, folder: Path, tmp_path: Path) -> None:
    store = Datastore(lab)
    store.upload(folder, "here")
    assert store.download(tmp_path / "out", "here/sub") == 1
    assert (tmp_path / "out/here/sub/b.csv").read_text() == "x\n2\n"
    assert store.download(tmp_path / "out") == 2
    store.remove("here/sub")
    assert set(server.data.files()) == {"here/a.csv", "here/.gitignore"}
    with pytest.raises(NotFound, match="no datastore"):
        Datastore.get(lab, "other")
    assert [each.name for each in Datastore.list(lab)] == ["workspaceblobstore"]


def test_a_changed_folder_is_a_new_version_and_sends_only_what_changed(
    server: FakeOrris, lab: Workspace, folder: Path
) -> None:
    first = Dataset.create(lab, "d", folder)
    again = Dataset.create(lab, "d", folder)
    assert (first.version, again.version) == (1, 1)
    (folder / "a.csv").write_text("changed")
    server.calls.clear()
    second = Dataset.create(lab, "d", folder)
    assert second.version == 2
    sent = [item.data for call in server.called("BatchUploadBlobs") for item in call.request.items]
    assert sent == [b"changed"]
    assert [each.version for each in Dataset.list(lab, "d")] == [2, 1]
    assert Dataset.get(lab, "d:1").id == first.id == Dataset.get_by_id(lab, first.id).id
    with pytest.raises(NotFound):
        Dataset.get(lab, "d", 3)


def test_a_dataset_is_what_was_there_when_it_was_made(server: FakeOrris, lab: Workspace, folder: Path) -> None:
    store = Datastore(lab)
    store.upload(folder, "here")
    dataset = from_files((store, "here/**/*.csv"))
    (folder / "a.csv").write_text("changed")
    store.upload(folder, "here", overwrite=True)
    assert dataset.to_path() == ["/a.csv", "/sub/b.csv"]
    assert sorted(Path(path).read_text() for path in dataset.download()) == ["x\n1\n", "x\n2\n"]


def test_another_content_is_registered_only_as_a_new_version(lab: Workspace, folder: Path) -> None:
    store = Datastore(lab)
    store.upload(folder)
    from_files((store, "a.csv")).register(lab, "d")
    with pytest.raises(AlreadyExists):
        from_files((store, "sub")).register(lab, "d")
    assert from_files((store, "sub")).register(lab, "d", create_new_version=True).version == 2


def test_a_table_is_read_where_it_is_used(lab: Workspace, folder: Path) -> None:
    store = Datastore(lab)
    store.upload(folder)
    table = from_delimited_files([(store, "*.csv"), (store, "sub/*.csv")])
    assert list(table.to_pandas_dataframe().x) == [1, 2]
    assert list(table.skip(1).to_pandas_dataframe().x) == [2]
    first, second = table.random_split(0.5, seed=3)
    assert sorted([*first.to_pandas_dataframe().x, *second.to_pandas_dataframe().x]) == [1, 2]
    assert table.id != table.take(1).id


@pytest.fixture
def days(lab: Workspace, folder: Path) -> Any:
    """A table with a row for each day from the first to the fourth of May."""
    rows = "".join(f"2024-05-0{day},{day}\n" for day in range(1, 5))
    (folder / "days.csv").write_text(f"when,day\n{rows}")
    Datastore(lab).upload(folder)
    return from_delimited_files((Datastore(lab), "days.csv"))


def days_in(table: Any) -> list[int]:
    return list(table.to_pandas_dataframe().day)


def test_rows_are_chosen_by_when_they_were(lab: Workspace, days: Any) -> None:
    table = days.with_timestamp_columns("when")
    second, third = datetime(2024, 5, 2), datetime(2024, 5, 3)  # noqa: DTZ001  # as the table has them
    assert days_in(table.time_before(second)) == [1, 2]
    assert days_in(table.time_after(second, include_boundary=False)) == [3, 4]
    assert days_in(table.time_between(second, third)) == [2, 3]
    assert days_in(table.time_recent(timedelta(days=1))) == []
    assert days_in(table.time_recent(timedelta(days=200_000))) == [1, 2, 3, 4]
    table.register(lab, "days")
    found: Any = Dataset.get(lab, "days")
    assert found.timestamp_columns == ("when", None)
    assert days_in(found.skip(1).time_before(second)) == [2]


def test_a_table_without_moments_says_so(days: Any) -> None:
    table = days.with_timestamp_columns(partition_timestamp="when")
    assert table.timestamp_columns == (None, "when")
    for lacking in (days, table.drop_columns("when"), table.keep_columns("day"), table.with_timestamp_columns()):
        assert lacking.timestamp_columns == (None, None)
        with pytest.raises(InvalidArgument, match="with_timestamp_columns"):
            lacking.time_recent(timedelta(days=1))
    assert table.keep_columns(["when", "day"]).timestamp_columns == (None, "when")
    with pytest.raises(InvalidArgument, match="no column 'then'"):
        days.with_timestamp_columns("then", validate=True)


def test_what_was_made_of_a_table_is_files(lab: Workspace, days: Any) -> None:
    made = days.take(2).to_csv_files(separator=";")
    assert made.to_path() == ["/part-00000.csv"]
    (path,) = made.download()
    assert Path(path).read_text() == "when;day\n2024-05-01;1\n2024-05-02;2\n"
    assert made.register(lab, "made").version == 1


def submitted(server: FakeOrris, lab: Workspace, source: Path, **options: Any) -> runs_pb2.Run:
    run = Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", **options))
    return server.runs.runs[run.resource_name]


def test_a_run_is_told_where_its_data_is(server: FakeOrris, lab: Workspace, source: Path, folder: Path) -> None:
    dataset = Dataset.create(lab, "d", folder)
    output = OutputFileDatasetConfig("clean", (Datastore(lab), "out/{run-id}")).register_on_complete("d_clean")
    mounted = dataset.as_named_input("x").as_mount("data")
    run = submitted(server, lab, source, arguments=["--x", mounted, "--again", mounted, output, 1])
    assert list(run.arguments) == ["--x", "${{inputs.x}}", "--again", "${{inputs.x}}", "${{outputs.clean}}", "1"]
    (given,) = run.inputs
    assert (given.name, given.dataset, given.tree) == (
        "x",
        "workspaces/lab/datasets/d/versions/1",
        dataset.message.tree,
    )
    assert (given.mode, given.path_on_compute) == (runs_pb2.RunInput.MODE_MOUNT, "data")
    (left,) = run.outputs_to
    assert (left.datastore, left.path) == ("workspaces/lab/datastores/workspaceblobstore", "out/{run-id}")
    assert left.register_as == "d_clean"


def test_what_is_kept_of_a_folder_and_how_it_is_read_goes_with_the_run(
    server: FakeOrris, lab: Workspace, source: Path
) -> None:
    output = OutputFileDatasetConfig("clean", (Datastore(lab), "out")).as_upload(source_globs="*.csv")
    table = output.read_delimited_files(
        include_path=True,
        separator=";",
        partition_format="/{day}.csv",
        path_glob="*.csv",
        set_column_types={"x": "int"},
    )
    (left,) = submitted(
        server, lab, source, arguments=[table.keep_columns(["day", "x"]).register_on_complete("d")]
    ).outputs_to
    assert (list(left.source_globs), left.keep_existing, left.path_glob) == (["*.csv"], True, "*.csv")
    assert (left.table.separator, left.table.path_column, left.table.partition_format) == (";", "Path", "/{day}.csv")
    assert (dict(left.table.column_types), list(left.table.steps[0].keep_columns.names)) == ({"x": "int"}, ["day", "x"])
    parts = OutputFileDatasetConfig("parts", partition_format="/{day}.parquet")
    files, read = parts.register_on_complete("f"), OutputFileDatasetConfig("r").read_parquet_files()
    (left, again) = submitted(
        server, lab, source, outputs_to=[files, read.as_upload(overwrite=True).register_on_complete("t")]
    ).outputs_to
    assert (left.partition_format, left.HasField("table")) == ("/{day}.parquet", False)
    assert (again.table.format, again.keep_existing) == (data_pb2.Table.FORMAT_PARQUET, False)


def test_how_an_output_is_read_is_not_dropped_without_a_word(lab: Workspace, source: Path) -> None:
    output = OutputFileDatasetConfig("clean")
    with pytest.raises(InvalidArgument, match="register_on_complete"):
        Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", outputs_to=[output.read_parquet_files()]))
    with pytest.raises(InvalidArgument, match="read first"):
        output.drop_columns("x")
    with pytest.raises(TypeError):
        output.read_delimited_files(support_multi_line=True)  # type: ignore[call-arg]


def test_a_dataset_that_is_not_registered_goes_by_its_files(
    server: FakeOrris, lab: Workspace, source: Path, folder: Path
) -> None:
    store = Datastore(lab)
    store.upload(folder)
    table = from_delimited_files((store, "a.csv")).take(1)
    run = submitted(server, lab, source, inputs=[table.as_named_input("t")])
    (given,) = run.inputs
    assert (given.dataset, given.tree, given.table.steps[0].take) == ("", table.files.kept_in(lab), 1)
    assert given.mode == runs_pb2.RunInput.MODE_DIRECT


def test_part_of_a_table_is_not_given_as_whole_files(lab: Workspace, source: Path, folder: Path) -> None:
    """Who trains on one part of a split and tests on the other would find the same rows in both."""
    store = Datastore(lab)
    store.upload(folder)
    table = from_delimited_files((store, "a.csv"))
    part = table.random_split(0.5, seed=1)[0].as_named_input("part")
    for wrong in (part.as_mount(), part.as_download()):
        with pytest.raises(InvalidArgument, match="part: files have all rows"):
            Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", arguments=[wrong]))
    Experiment(lab, "iris").submit(
        ScriptRunConfig(source, "train.py", arguments=[table.as_named_input("x").as_mount()])
    )


def test_what_is_read_otherwise_is_still_of_its_version(
    server: FakeOrris, lab: Workspace, source: Path, folder: Path
) -> None:
    store = Datastore(lab)
    store.upload(folder)
    table = from_delimited_files((store, "a.csv")).register(lab, "t")
    run = submitted(server, lab, source, inputs=[table.take(1).as_named_input("t")])
    (given,) = run.inputs
    assert (given.dataset, given.table.steps[0].take) == ("workspaces/lab/datasets/t/versions/1", 1)
    assert [each.resource_name for each in table.runs()] == [run.name]


@pytest.fixture
def filled(server: FakeOrris, lab: Workspace, source: Path, folder: Path) -> tuple[OutputFileDatasetConfig, Any]:
    """An output, and a run that has left a file in it."""
    store = Datastore(lab)
    store.upload(folder)
    output = OutputFileDatasetConfig("clean", (store, "out"))
    run = Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py", arguments=[output.as_upload()]))
    run.wait_for_completion()
    left = server.runs.runs[run.resource_name].outputs_to[0]
    left.tree = from_files((store, "a.csv")).files.kept_in(lab)
    return output, run


def test_what_a_run_has_left_is_an_input_of_the_next(
    server: FakeOrris, lab: Workspace, source: Path, filled: Any
) -> None:
    output, first = filled
    tree = server.runs.runs[first.resource_name].outputs_to[0].tree
    words = [output.as_input(), output.as_input("own").as_download("here")]
    table = output.read_delimited_files(path_glob="*.csv").keep_columns("x")
    run = submitted(server, lab, source, arguments=words, inputs=[table.as_input("rows")])
    rows, mounted, own = run.inputs
    assert (mounted.name, mounted.mode, mounted.tree) == ("clean", runs_pb2.RunInput.MODE_MOUNT, tree)
    assert [each.as_folder for each in (mounted, own, rows)] == [True, True, False]
    assert (own.mode, own.path_on_compute, own.tree) == (runs_pb2.RunInput.MODE_DOWNLOAD, "here", tree)
    assert (rows.mode, list(rows.table.steps[0].keep_columns.names)) == (runs_pb2.RunInput.MODE_DIRECT, ["x"])


def test_what_was_registered_of_an_output_is_the_input(
    server: FakeOrris, lab: Workspace, source: Path, filled: Any
) -> None:
    """So the version says which runs had it; where it was deleted since, the files are there still."""
    output, run = filled
    version = run.get_output_datasets()["clean"].register(lab, "d")
    server.runs.runs[run.resource_name].outputs_to[0].dataset = version.message.name
    (given,) = submitted(server, lab, source, arguments=[output.as_input()]).inputs
    assert given.dataset == "workspaces/lab/datasets/d/versions/1"
    version.delete()
    assert run.get_output_datasets()["clean"].to_path() == ["/a.csv"]


def test_what_is_not_left_yet_is_no_input(server: FakeOrris, lab: Workspace, source: Path, filled: Any) -> None:
    output, run = filled
    message = server.runs.runs[run.resource_name]
    never = OutputFileDatasetConfig("never")
    for state, given, problem in (
        (runs_pb2.Run.STATE_COMPLETED, never, "no run was submitted with it"),
        (runs_pb2.Run.STATE_RUNNING, output, "has not ended; wait for it"),
        (runs_pb2.Run.STATE_FAILED, output, "is Failed; run.get_output_datasets"),
        (runs_pb2.Run.STATE_COMPLETED, output, "has left nothing in it"),
    ):
        message.state = state
        message.outputs_to[0].tree *= problem != "has left nothing in it"
        with pytest.raises(FailedPrecondition, match=problem):
            submitted(server, lab, source, arguments=[given.as_input("x")])
    assert len(server.runs.runs) == 1


def test_what_a_failed_run_has_left_is_saved(server: FakeOrris, lab: Workspace, filled: Any, tmp_path: Path) -> None:
    _, run = filled
    message = server.runs.runs[run.resource_name]
    message.state = runs_pb2.Run.STATE_FAILED
    assert run.download_output("clean", tmp_path / "out") == [str(tmp_path / "out" / "a.csv")]
    assert (tmp_path / "out" / "a.csv").read_text() == "x\n1\n"
    with pytest.raises(NotFound, match="no output 'dirty'; it has clean"):
        run.download_output("dirty")
    message.outputs_to[0].tree = ""
    with pytest.raises(NotFound, match="it is empty"):
        run.download_output("clean")


def test_parts_of_files_are_inputs(server: FakeOrris, lab: Workspace, source: Path, folder: Path) -> None:
    """With a seed they are the same parts again; together they are all files, and an empty part is none."""
    for number in range(50):
        (folder / f"{number:02}.csv").write_text(str(number))
    files: Any = Dataset.create(lab, "d", folder)
    first, second = files.random_split(percentage=0.3, seed=5)
    assert sorted(first.to_path() + second.to_path()) == files.to_path()
    assert 0 < len(first.to_path()) < len(second.to_path())
    assert [each.id for each in files.random_split(0.3, 5)] == [first.id, second.id]
    assert files.take_sample(0.3, seed=5).id == first.id
    assert [len(each.to_path()) for each in files.random_split(1.0)] == [len(files.to_path()), 0]
    given = submitted(server, lab, source, arguments=[first.as_named_input("a"), second.as_named_input("b")]).inputs
    assert [each.tree for each in given] == [first.files.tree, second.files.tree]


def test_two_inputs_have_two_names(server: FakeOrris, lab: Workspace, source: Path, folder: Path) -> None:
    given = Dataset.create(lab, "d", folder).as_named_input("x")
    with pytest.raises(InvalidArgument, match="'x' names two different"):
        submitted(server, lab, source, arguments=[given.as_mount(), given.as_download()])
    assert len(submitted(server, lab, source, arguments=[given.as_mount(), given.as_mount()]).inputs) == 1


def test_a_dataset_alone_is_no_argument(server: FakeOrris, lab: Workspace, source: Path, folder: Path) -> None:
    """Its name would be passed as text, and nothing delivered."""
    with pytest.raises(InvalidArgument, match="as_named_input"):
        submitted(server, lab, source, arguments=["--x", Dataset.create(lab, "d", folder)])
    assert server.runs.runs == {}


def test_what_is_no_path_in_a_datastore_is_refused(lab: Workspace, folder: Path) -> None:
    wrongs: list[Any] = ["ftp://example.org/t.csv", str(folder), [], 3]
    for wrong in wrongs:
        with pytest.raises(InvalidArgument, match="upload the files first"):
            from_files(wrong)
    with pytest.raises(NotFound, match="nothing is at"):
        from_files((Datastore(lab), "nothing"))
    with pytest.raises(InvalidArgument, match="mode"):
        DatasetConsumptionConfig("x", Dataset(KeptFiles(lab, "t")), "telepathy")
