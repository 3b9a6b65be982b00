"""Data, as notebooks of SDK v1 use it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from azureml import exceptions
from tests.fakes.services.server import FakeOrris


@pytest.fixture
def data(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    folder = project / "data"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.csv").write_text("sepal,species\n1.5,setosa\n2.5,virginica\n")
    return folder


def test_a_notebook_uploads_registers_and_trains(ws: Any, orris: FakeOrris, data: Path) -> None:
    from azureml.core import Dataset, Datastore, Experiment, ScriptRunConfig
    from azureml.data import FileDataset, OutputFileDatasetConfig, TabularDataset

    datastore = ws.get_default_datastore()
    assert type(datastore) is Datastore
    assert datastore.name == Datastore.get(ws, "workspaceblobstore").name == "workspaceblobstore"
    datastore.upload(src_dir=str(data), target_path="iris", overwrite=True, show_progress=True)
    datastore.upload_files([str(data / "one.csv")], target_path="single")

    tabular = Dataset.Tabular.from_delimited_files(path=[(datastore, "iris/*.csv")])
    assert type(tabular) is TabularDataset
    assert list(tabular.take(3).to_pandas_dataframe().sepal) == [1.5, 2.5, 1.5]
    files = Dataset.File.from_files(path=(datastore, "iris"))
    assert type(files) is FileDataset
    assert files.to_path() == ["/one.csv", "/two.csv"]

    tabular = tabular.register(workspace=ws, name="iris table", description="petals", tags={"k": "v"})
    files.register(ws, "iris_files", create_new_version=True)
    found = Dataset.get_by_name(ws, "iris table")
    assert (type(found), found.version, found.description, found.tags) == (TabularDataset, 1, "petals", {"k": "v"})
    assert Dataset.get_by_name(ws, name="iris table", version="latest").id == Dataset.get_by_id(ws, found.id).id
    assert set(Dataset.get_all(ws)) == set(ws.datasets) == {"iris table", "iris_files"}

    output = OutputFileDatasetConfig(destination=(datastore, "clean/{run-id}"), name="clean")
    config = ScriptRunConfig(
        source_directory=".",
        script="train.py",
        arguments=[
            "--table", found.as_named_input("iris"),
            "--files", files.as_named_input("files").as_mount(),
            "--copy", files.as_download(),
            "--out", output.register_on_complete(name="clean iris"),
        ],
    )  # fmt: skip
    run = Experiment(ws, "data").submit(config)
    message = orris.runs.runs[run.resource_name]
    assert [each.name for each in message.inputs][:2] == ["iris", "files"]
    assert list(message.arguments)[:4] == ["--table", "${{inputs.iris}}", "--files", "${{inputs.files}}"]
    assert message.outputs_to[0].register_as == "clean iris"
    details = run.get_details()
    assert details["inputDatasets"][0]["dataset"]["name"] == "iris table"
    assert details["inputDatasets"][0]["consumptionDetails"]["mechanism"] == "Direct"
    assert details["inputDatasets"][1]["consumptionDetails"]["mechanism"] == "Mount"


def test_data_references_of_old_notebooks(ws: Any, orris: FakeOrris, data: Path) -> None:
    from azureml.core import Experiment, ScriptRunConfig
    from azureml.data.data_reference import DataReference

    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    reference = DataReference(datastore=store, data_reference_name="iris", path_on_datastore="iris", mode="download")
    arguments = ["--a", reference, "--b", reference, "--c", store.path("iris/one.csv").as_download()]
    run = Experiment(ws, "data").submit(ScriptRunConfig(".", "train.py", arguments=arguments))
    message = orris.runs.runs[run.resource_name]
    assert list(message.arguments)[:4] == ["--a", "${{inputs.iris}}", "--b", "${{inputs.iris}}"]
    assert len(message.inputs) == 2
    assert [each.as_folder for each in message.inputs] == [True, False]


def test_types_headers_and_columns(ws: Any, data: Path) -> None:
    from azureml.core import Dataset
    from azureml.data.dataset_factory import DataType
    from azureml.data.dataset_type_definitions import PromoteHeadersBehavior

    store = ws.get_default_datastore()
    store.upload(str(data))
    path = (store, "one.csv")
    typed = Dataset.Tabular.from_delimited_files(path, set_column_types={"sepal": DataType.to_string()})
    assert list(typed.to_pandas_dataframe().sepal) == ["1.5", "2.5"]
    plain = Dataset.Tabular.from_delimited_files(path, header=PromoteHeadersBehavior.NO_HEADERS)
    assert list(plain.to_pandas_dataframe().columns) == ["Column1", "Column2"]
    assert list(typed.drop_columns("sepal").to_pandas_dataframe().columns) == ["species"]
    train, test = typed.random_split(percentage=0.5, seed=1)
    assert len(train.to_pandas_dataframe()) + len(test.to_pandas_dataframe()) == 2


def test_what_cannot_be_is_refused_in_azures_exceptions(ws: Any, data: Path) -> None:
    from azureml.core import Dataset, Datastore

    store = ws.get_default_datastore()
    store.upload(str(data))
    with pytest.raises(exceptions.UserErrorException, match="upload the files first"):
        Dataset.Tabular.from_delimited_files("wasbs://example.org/titanic.csv")
    with pytest.raises(exceptions.UserErrorException, match="nothing is at"):
        Dataset.File.from_files((store, "nothing/**"))
    with pytest.raises(exceptions.UserErrorException):
        Dataset.get_by_name(ws, "nothing")
    with pytest.raises(exceptions.NotSupportedException, match="upload the files"):
        Datastore.register_azure_blob_container(ws, "x", "container", "account")
    Dataset.File.from_files((store, "one.csv")).register(ws, "d")
    with pytest.raises(exceptions.UserErrorException):
        Dataset.File.from_files((store, "*.csv")).register(ws, "d")
    with pytest.raises(exceptions.UserErrorException, match="compare a column"):
        Dataset.File.from_files((store, "one.csv")).filter("x")
    with pytest.raises(exceptions.UserErrorException, match="does not end like that"):
        Dataset.File.from_files((store, "one.csv"), partition_format="/{a}.txt")
    with pytest.raises(exceptions.NotSupportedException):
        Dataset.File.from_files((store, "one.csv")).file_metadata("x")
    with pytest.raises(exceptions.UserErrorException, match="does not end like that"):
        Dataset.Tabular.from_delimited_files((store, "one.csv"), partition_format="/{a}/{b}.csv")
    with pytest.raises(exceptions.NotSupportedException, match="read_sql"):
        Dataset.Tabular.from_sql_query((store, "SELECT 1"))
    with pytest.raises(exceptions.NotSupportedException, match="upload the files"):
        Datastore.register_azure_sql_database(ws, "x")
    with pytest.raises(exceptions.NotSupportedException, match=r"Datastore\.get\(workspace, 'other'\)"):
        ws.set_default_datastore("other")
    ws.set_default_datastore(store.name)
    with pytest.raises(exceptions.UserErrorException, match="with_timestamp_columns"):
        Dataset.Tabular.from_delimited_files((store, "one.csv")).time_before("x")


def test_tables_are_read_and_filtered_as_it_is_asked(ws: Any, data: Path) -> None:
    from azureml.core import Dataset

    store = ws.get_default_datastore()
    uploaded = Dataset.File.upload_directory(str(data), (store, "de"), pattern="o*.csv")
    assert uploaded.to_path() == ["/one.csv"]
    options = {"infer_column_types": False, "partition_format": "/{country}/{part}.csv", "encoding": "iso88591"}
    table = Dataset.Tabular.from_delimited_files((store, "**/*.csv"), **options)
    frame = table.filter(table["species"] == "setosa").to_pandas_dataframe()
    assert frame.to_dict("records") == [{"country": "de", "part": "one", "sepal": "1.5", "species": "setosa"}]
    for create_new in (False, True):
        table.take(int(create_new)).register(ws, "t", create_new_version=create_new)
    Dataset.get_by_name(ws, "t").unregister_all_versions()
    assert "t" not in ws.datasets


def test_files_are_chosen_by_what_their_paths_say(ws: Any, orris: FakeOrris, data: Path) -> None:
    from azureml.core import Dataset, Experiment, ScriptRunConfig

    store = ws.get_default_datastore()
    for place in ("at/2024/01/31", "at/2024/02/01", "de/2024/01/31"):
        store.upload_files([str(data / "one.csv")], str(data), f"sales/{place}")
    path = (store, "sales/**/*.csv")
    made = Dataset.File.from_files(path, partition_format="/{country}/{day:yyyy/MM/dd}/one.csv").register(ws, "sales")
    sales = Dataset.get_by_name(ws, "sales")
    assert (sales.id, sales.partition_keys) == (made.id, ["country", "day"])
    assert Dataset.File.from_files(path).id != sales.id
    assert sales.get_partition_key_values(["country"]) == [{"country": "at"}, {"country": "de"}]
    assert sales.skip(1).take(1).get_partition_key_values() == [
        {"country": "at", "day": datetime.fromisoformat("2024-02-01")}
    ]
    chosen = sales.filter((sales["country"] == "at") & (sales["day"] > datetime.fromisoformat("2024-01-31")))
    assert chosen.to_path() == ["/at/2024/02/01/one.csv"]
    with pytest.raises(exceptions.UserErrorException, match="they say country, day"):
        sales.filter(sales["size"] > 1)
    run = Experiment(ws, "data").submit(ScriptRunConfig(".", "train.py", arguments=[chosen.as_named_input("x")]))
    assert orris.runs.runs[run.resource_name].inputs[0].partition_format == "/{country}/{day:yyyy/MM/dd}/one.csv"
    table = Dataset.Tabular.from_delimited_files(path, partition_format="/{country}/*/*/*/one.csv")
    assert table.partition_keys == ["country"]
    assert table.get_partition_key_values() == [{"country": "at"}, {"country": "de"}]


def test_open_datasets_that_a_library_brings(ws: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from azureml.opendatasets import MNIST, Diabetes

    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    table = Diabetes.get_tabular_dataset()
    frame = table.to_pandas_dataframe().dropna()
    assert list(frame.columns) == ["AGE", "SEX", "BMI", "BP", "S1", "S2", "S3", "S4", "S5", "S6", "Y"]
    assert frame.AGE.max() > 1
    registered = table.register(ws, "diabetes")
    assert len(registered.to_pandas_dataframe()) == 442
    with pytest.raises(exceptions.NotSupportedException, match="load_digits"):
        MNIST.get_file_dataset()


def test_an_output_is_read_as_the_notebooks_say_and_what_cannot_be_is_refused(ws: Any) -> None:
    from azureml.data import OutputFileDatasetConfig
    from azureml.data.dataset_factory import DataType
    from azureml.data.dataset_type_definitions import PromoteHeadersBehavior
    from azureml.exceptions import NotSupportedException

    output = OutputFileDatasetConfig(destination=(ws.get_default_datastore(), "clean"), partition_format="/{day}.csv")
    table = output.read_delimited_files(path_glob="*.csv", set_column_types={"x": DataType.to_long()})
    message = table.register_on_complete(name="d").to_message(ws)
    assert (message.table.partition_format, message.path_glob) == ("/{day}.csv", "*.csv")
    assert message.table.column_types == {"x": "int"}
    with pytest.raises(NotSupportedException, match="same line of names"):
        output.read_delimited_files(header=PromoteHeadersBehavior.COMBINE_ALL_FILES_HEADERS)
    with pytest.raises(NotSupportedException, match="random_split"):
        output.random_split(0.5)


def test_what_a_run_has_left_is_the_input_of_the_next(ws: Any, orris: FakeOrris, data: Path) -> None:
    from azureml.core import Dataset, Experiment, ScriptRunConfig
    from azureml.data import FileDataset, OutputFileDatasetConfig

    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    output = OutputFileDatasetConfig(name="clean", destination=(store, "clean/{run-id}"))
    following = ScriptRunConfig(".", "train.py", arguments=["--data", output.as_input(name="cleaned").as_mount()])
    run = Experiment(ws, "data").submit(ScriptRunConfig(".", "train.py", arguments=[output.as_upload()]))
    run.wait_for_completion()
    with pytest.raises(exceptions.UserErrorException, match="has left nothing"):
        Experiment(ws, "data").submit(following)
    left = orris.runs.runs[run.resource_name].outputs_to[0]
    left.tree = Dataset.File.from_files((store, "iris")).files.kept_in(ws)
    message = orris.runs.runs[Experiment(ws, "data").submit(following).resource_name]
    assert (list(message.arguments), message.inputs[0].tree) == (["--data", "${{inputs.cleaned}}"], left.tree)
    found = run.get_output_datasets()["clean"]
    assert (type(found), found.to_path()) == (FileDataset, ["/one.csv", "/two.csv"])
    (details,) = run.get_details()["outputDatasets"]
    assert (details["dataset"]["id"], details["dataset"].to_path()) == (found.id, found.to_path())


def test_rows_are_chosen_by_what_is_in_a_column(ws: Any, data: Path) -> None:
    from azureml.core import Dataset

    store = ws.get_default_datastore()
    store.upload(str(data))
    table = Dataset.Tabular.from_delimited_files((store, "one.csv"))
    chosen = table.filter(table["species"].isin(["setosa", "x"]) & ~table["species"].contains("virg"))
    assert list(chosen.to_pandas_dataframe().sepal) == [1.5]
    condition, column = ~(table["sepal"] > 1), Dataset.File.from_files((store, "one.csv"))["day"]
    mistakes: list[Callable[[], object]] = [
        lambda: column == object(),
        lambda: column.isin("ab"),
        lambda: column.contains(1),
        lambda: condition & 1,
        lambda: (condition | condition) and condition,
    ]
    for wrong in mistakes:
        with pytest.raises(exceptions.UserErrorException, match=r"^filter: "):
            wrong()


def test_a_data_frame_is_registered_where_only_a_datastore_is_named(ws: Any) -> None:
    """As Parquet; where nothing writes that, it is said what does."""
    from azureml.core import Dataset
    from azureml.data import TabularDataset
    from azureml.exceptions import UserErrorException

    class Frame:
        def __init__(self, error: Exception | None = None) -> None:
            self.error = error

        def to_parquet(self, path: Path) -> None:
            if self.error is not None:
                raise self.error
            path.write_bytes(b"PAR1")

    store = ws.get_default_datastore()
    made = Dataset.Tabular.register_pandas_dataframe(Frame(), store, "frame")
    assert (type(made), made.version, made.to_path()) == (TabularDataset, 1, ["/frame.parquet"])
    with pytest.raises(UserErrorException, match="pyarrow"):
        Dataset.Tabular.register_pandas_dataframe(Frame(ImportError("no pyarrow")), store, "frame")


def test_old_names_of_timestamp_columns_are_understood(ws: Any, data: Path) -> None:
    from azureml.core import Dataset

    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    table = Dataset.Tabular.from_delimited_files((store, "iris/one.csv"))
    named = table.with_timestamp_columns(fine_grain_timestamp="sepal", coarse_grain_timestamp="petal")
    assert (type(named), named.timestamp_columns) == (type(table), ("sepal", "petal"))
    assert type(named.to_csv_files()).__module__ == type(table).__module__


def test_the_datasets_in_a_runs_details_are_datasets(ws: Any, orris: FakeOrris, data: Path) -> None:
    """What was registered, also where its version was deleted since, and what was not."""
    import json

    from azureml.core import Dataset, Experiment, ScriptRunConfig
    from azureml.data import FileDataset, OutputFileDatasetConfig

    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    table = Dataset.Tabular.from_delimited_files((store, "iris/one.csv")).register(ws, "one", tags={"k": "v"})
    files = Dataset.File.from_files((store, "iris")).register(ws, "both")
    gone = Dataset.File.from_files((store, "iris/two.csv")).register(ws, "gone")
    config = ScriptRunConfig(".", "train.py", arguments=[
        table.take(2).as_named_input("t"), files.take(1).as_named_input("f").as_mount(), OutputFileDatasetConfig("o")
    ])  # fmt: skip
    run = Experiment(ws, "data").submit(config)
    message = orris.runs.runs[run.resource_name]
    message.datasets_read.add(dataset=gone.message.name, tree=gone.message.tree, id=gone.id)
    gone.unregister_all_versions()
    details = run.get_details()
    first, second, third = (each["dataset"] for each in details["inputDatasets"])
    assert len(first.to_pandas_dataframe()) == 2
    assert (first.name, first.version, first.tags, first["version"]) == ("one", 1, {"k": "v"}, 1)
    assert (second.to_path(), second.name) == (["/one.csv"], None)
    assert (third.to_path(), third.name, third["version"]) == (["/two.csv"], "gone", 1)
    assert isinstance(third.take(1), FileDataset)
    assert details["inputDatasets"][2]["consumptionDetails"] == {"type": "Reference"}
    assert details["outputDatasets"][0]["dataset"] is None
    assert json.loads(json.dumps(details))["inputDatasets"][0]["dataset"]["name"] == "one"
    message.outputs_to[0].tree, message.outputs_to[0].dataset = files.message.tree, files.message.name
    (left,) = run.get_details()["outputDatasets"]
    assert (left["dataset"].to_path(), left["dataset"]["name"]) == (["/one.csv", "/two.csv"], "both")


def test_an_outputs_destination_is_a_place_in_a_datastore() -> None:
    from azureml.data import OutputFileDatasetConfig
    from azureml.exceptions import UserErrorException

    with pytest.raises(UserErrorException, match="destination: 'x' is no"):
        OutputFileDatasetConfig(destination="x")


def test_a_model_says_which_datasets_it_has_to_do_with(ws: Any, project: Path, data: Path) -> None:
    from azureml.core import Dataset, Model
    from azureml.exceptions import UserErrorException

    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    table = Dataset.Tabular.from_delimited_files((store, "iris/one.csv")).register(ws, "one")
    both = Dataset.File.from_files((store, "iris"))
    (project / "model.pkl").write_bytes(b"model")
    pairs = [(Dataset.Scenario.TRAINING, table), ("extra", both), ("extra", table)]
    model = Model.register(ws, "model.pkl", "m", properties={"p": "q"}, datasets=pairs)
    assert model.properties["p"] == "q"
    assert [(each.name, each.version) for each in model.datasets["training"]] == [("one", 1)]
    assert [each.name for each in model.datasets["extra"]] == ["one"]
    both.register(ws, "both")
    assert [each.id for each in Model(ws, "m").datasets["extra"]] == [both.id, table.id]
    assert Model.register(ws, "model.pkl", "other").datasets == {}
    assert [each.name for each in Model.list(ws, dataset_id=both.id)] == ["m"]
    for wrong in ([table], [("training", "one")], ["ab"]):
        with pytest.raises(UserErrorException, match="training data"):
            Model.register(ws, "model.pkl", "m", datasets=wrong)


def test_scripts_ask_of_which_kind_data_is(ws: Any, data: Path) -> None:
    from azureml.core import Dataset, Datastore
    from azureml.data.abstract_dataset import AbstractDataset
    from azureml.data.abstract_datastore import AbstractDatastore
    from azureml.data.azure_storage_datastore import (
        AbstractAzureStorageDatastore,
        AzureBlobDatastore,
        AzureFileDatastore,
    )

    store = ws.get_default_datastore()
    store.upload(str(data))
    files = Dataset.File.from_files((store, "one.csv")).register(ws, "files")
    table = Dataset.Tabular.from_delimited_files((store, "one.csv"))
    for dataset in (files, table, files.take(1), table.take(1), Dataset.get_by_name(ws, "files")):
        assert isinstance(dataset, AbstractDataset)
    for found in (store, Datastore.get(ws, store.name), ws.datastores[store.name]):
        assert isinstance(found, AzureBlobDatastore)
        assert isinstance(found, AbstractAzureStorageDatastore)
        assert isinstance(found, AbstractDatastore)
        assert not isinstance(found, AzureFileDatastore)
    with pytest.raises(exceptions.NotSupportedException, match=r"Datastore\.get\(workspace, name\) returns one"):
        AzureBlobDatastore(ws, "x", "container", "account")


def test_every_kind_of_dataset_finds_registered_ones(ws: Any, data: Path) -> None:
    from azureml.core import Dataset
    from azureml.data import FileDataset
    from azureml.data.abstract_dataset import AbstractDataset

    store = ws.get_default_datastore()
    store.upload(str(data))
    made = Dataset.File.from_files((store, "one.csv")).register(ws, "files")
    for kind in (Dataset, AbstractDataset, FileDataset):
        assert type(kind.get_by_name(ws, "files")) is type(kind.get_by_id(ws, id=made.id)) is FileDataset
        assert list(kind.get_all(ws)) == ["files"]
        with pytest.raises(exceptions.UserErrorException):
            kind.get_by_name(ws, "nothing")


def test_types_that_are_not_read_say_what_is() -> None:
    from azureml.data.dataset_factory import DataType

    assert isinstance(DataType.to_string(), DataType)
    with pytest.raises(exceptions.UserErrorException, match="decimal_mark"):
        DataType.to_float(decimal_mark=",")
    with pytest.raises(exceptions.NotSupportedException, match=r"keep the paths as text, DataType\.to_string"):
        DataType.to_stream(workspace=None)


def test_inputs_are_of_azures_kind_and_raise_azures_exceptions(ws: Any, data: Path) -> None:
    from azureml.core import Dataset
    from azureml.data import FileDataset
    from azureml.data.data_reference import DataReference
    from azureml.data.datapath import DataPath
    from azureml.data.dataset_consumption_config import DatasetConsumptionConfig

    store = ws.get_default_datastore()
    uploaded = store.upload(str(data), "iris")
    files = Dataset.File.from_files((store, "iris"))
    path = store.path("iris", data_reference_name="iris")
    for each in (uploaded, path, path.path("one.csv"), DataPath(store, "iris"), DataPath(store)):
        assert type(each) is DataPath
        with pytest.raises(exceptions.UserErrorException, match="nothing is at"):
            each.path("nothere").as_mount()
    with pytest.raises(exceptions.UserErrorException, match="nothing is at"):
        store.path("nothere").as_download()
    for given in (path.as_mount(), store.as_download(), files.as_mount(), files.as_named_input("x").as_download("/d")):
        assert type(given) is DatasetConsumptionConfig
        assert type(given.dataset) is FileDataset
    assert path.as_mount().name == "iris"
    assert DataPath.create_from_data_reference(DataReference(store, "iris", "iris")) == path
    assert [DatasetConsumptionConfig("x", files, mode=mode).mode for mode in ("Mount", "DOWNLOAD")] == [
        "mount", "download"
    ]  # fmt: skip
    with pytest.raises(exceptions.UserErrorException, match="'fly' is none of direct, download, mount"):
        DatasetConsumptionConfig("x", files, mode="fly")


def test_what_runs_upload_is_what_they_leave_in_an_output(ws: Any, data: Path) -> None:
    store = ws.get_default_datastore()
    store.upload(str(data), "iris")
    for source in (store, store.path("out"), store.path("iris").as_mount()):
        with pytest.raises(exceptions.NotSupportedException, match="give the run OutputFileDatasetConfig"):
            source.as_upload()


def test_an_output_as_an_input_is_of_azures_kind(ws: Any) -> None:
    from azureml.data import OutputFileDatasetConfig
    from azureml.data.dataset_consumption_config import DatasetConsumptionConfig

    given = OutputFileDatasetConfig("clean").as_input("cleaned")
    for each in (given, given.as_download(), given.as_mount()):
        assert isinstance(each, DatasetConsumptionConfig)
        assert each.name == "cleaned"
        with pytest.raises(exceptions.UserErrorException, match="what is left in this output is not there"):
            _ = each.dataset
