"""What a script finds of the data that it was given."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from azureml._model_datasets import with_datasets
from orris.partitions import partition_of
from tests.unit.agent.inside.conftest import Program

ID = "11111111-2222-8333-8444-555555555555"
TABLE = {"format": "FORMAT_DELIMITED", "steps": [{"take": 3}]}


@pytest.fixture
def given(program: Program, tmp_path: Path) -> Program:
    """A run with files, a table, and a folder to fill."""
    folder = tmp_path / "inputs"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "a.txt").write_text("A")
    (folder / "files" / "b.txt").write_text("B")
    (folder / "table").mkdir()
    (folder / "table" / "t.csv").write_text("x,y\n1,a\n2,b\n3,c\n4,d\n")

    def record(name: str, mode: str, table: Any = None) -> dict[str, Any]:
        return {
            "name": f"{name}_{mode}",
            "dataset": f"workspaces/lab/datasets/{name}/versions/2",
            "id": ID if table else "other",
            "mode": mode,
            "folder": str(folder / name),
            "path": str(folder / name),
            "table": table,
        }

    inputs = [record("files", "mount"), record("files", "direct"), record("table", "direct", TABLE)]
    data = tmp_path / "data.json"
    data.write_text(json.dumps({"inputs": inputs, "outputs": [{"name": "clean", "folder": "/clean"}]}))
    program.env["ORRIS_DATA"] = str(data)
    return program


def test_inputs_are_folders_and_datasets(given: Program) -> None:
    printed = given.execute(
        """
        from azureml.core import Dataset, Run
        run = Run.get_context()
        print(sorted(run.input_datasets), run.output_datasets)
        print(open(run.input_datasets["files_mount"] + "/a.txt").read())
        files = run.input_datasets["files_direct"]
        print(type(files).__name__, files.name, files.version, files.to_path())
        with files.mount() as mounted:
            print(open(mounted.mount_point + "/b.txt").read())
        print([open(path).read() for path in files.skip(1).download()])
        first, second = files.random_split(0.5, seed=1)
        print(sorted(first.to_path() + second.to_path()))
        """
    )
    assert printed.splitlines() == [
        "['files_direct', 'files_mount', 'table_direct'] {'clean': '/clean'}",
        "A",
        "FileDataset files 2 ['/a.txt', '/b.txt']",
        "B",
        "['B']",
        "['/a.txt', '/b.txt']",
    ]


def test_a_dataset_is_found_by_its_id_and_by_its_name(given: Program) -> None:
    printed = given.execute(
        f"""
        from azureml.core import Dataset, Run
        from azureml.core.dataset import TabularDataset
        ws = Run.get_context().experiment.workspace
        found = Dataset.get_by_id(ws, id="{ID}")
        print(isinstance(found, TabularDataset), found.id == Dataset.get_by_name(ws, "table").id)
        for attempt in (lambda: Dataset.Tabular.from_sql_query("x"),
                        lambda: found.as_named_input("x"), lambda: Run.get_context().input_datasets["none"]):
            try:
                attempt()
            except Exception as error:
                print(type(error).__name__, str(error)[:60])
        """
    )
    assert printed.splitlines() == [
        "True True",
        "NotInsideRunException TabularDatasetFactory.from_sql_query is not available inside",
        "NotInsideRunException TabularDataset.as_named_input is not available inside a run:",
        "KeyError \"the run has no input dataset 'none'; it has files_mount, fi",
    ]


def test_a_dataset_that_the_run_was_not_given_is_brought_by_its_agent(
    given: Program, answer: Any, tmp_path: Path
) -> None:
    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["params"].get("name") == "none":
            return {"error": {"type": "NotFound", "message": "no dataset 'none'"}}
        name = "workspaces/lab/datasets/other/versions/7"
        folder = str(tmp_path / "inputs" / "files")
        return {"result": {"dataset": name, "id": "i", "folder": folder, "table": None, "partition": None}}

    asked = answer(respond)
    printed = given.execute(
        """
        from azureml.core import Dataset, Run
        ws = Run.get_context().experiment.workspace
        found = Dataset.get_by_name(ws, name="other")
        print(found, found.version, found.id, found.to_path(), len(found.download()))
        print(Dataset.get_by_name(ws, "table", version=1).name, Dataset.get_by_id(ws, "other id").name)
        try:
            Dataset.get_by_name(ws, "none")
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    assert printed.splitlines() == [
        "FileDataset('other') 7 i ['/a.txt', '/b.txt'] 2",
        "other other",
        "UserErrorException no dataset 'none'",
    ]
    assert [(each["method"], each["params"]) for each in asked] == [
        ("get_dataset", {"name": "other", "version": "latest"}),
        ("get_dataset", {"name": "table", "version": 1}),
        ("get_dataset", {"id": "other id"}),
        ("get_dataset", {"name": "none", "version": "latest"}),
    ]


def test_all_datasets_of_the_workspace_are_known_and_brought_when_they_are_used(
    given: Program, answer: Any, tmp_path: Path
) -> None:
    def said(name: str, **more: Any) -> dict[str, Any]:
        known = {"id": "i", "table": None, "partition": None, "description": name, "tags": {"k": name}}
        return {"dataset": f"workspaces/lab/datasets/{name}/versions/7", **known, **more}

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "list_datasets":
            return {"result": {"datasets": [said("one"), said("two", table=TABLE)]}}
        folder = {"folder": str(tmp_path / "inputs" / "files")} if request["method"] == "get_dataset" else {}
        return {"result": said(request["params"]["name"], **folder)}

    asked = answer(respond)
    printed = given.execute(
        """
        from azureml.core import Dataset, Run
        run = Run.get_context()
        ws = run.experiment.workspace
        found = Dataset.get_all(ws)
        print(sorted(found), ws.datasets["two"], found["two"].take(1).version)
        print(found["one"].tags, found["one"].description)
        print(found["one"].take(1).to_path(), found["one"].to_path())
        print(run.input_datasets["files_direct"].tags)
        """
    )
    assert printed.splitlines() == [
        "['one', 'two'] TabularDataset('two') 7",
        "{'k': 'one'} one",
        "['/a.txt'] ['/a.txt', '/b.txt']",
        "{'k': 'files'}",
    ]
    assert [(each["method"], each["params"]) for each in asked] == [
        ("list_datasets", {}),
        ("list_datasets", {}),
        ("get_dataset", {"name": "one", "version": 7}),
        ("describe_dataset", {"name": "files", "version": 2}),
    ]


def test_a_model_is_registered_with_the_datasets_that_it_has_to_do_with(given: Program, answer: Any) -> None:
    """As the library where runs are submitted would say it."""
    asked = answer(lambda request: {"result": {"name": "m", "version": 1, "id": "m:1"}})
    given.execute(
        """
        from azureml.core import Dataset, Run
        run = Run.get_context()
        table = run.input_datasets["table_direct"]
        run.register_model("m", "outputs/m", properties={"p": "q"}, datasets=[(Dataset.Scenario.TRAINING, table)])
        try:
            run.register_model("m", "outputs/m", datasets=[table])
        except Exception as error:
            assert "training data" in str(error), error
        else:
            raise AssertionError
        """
    )
    (request,) = asked
    table = type("Table", (), {"id": ID, "name": "table", "version": 2})()
    assert request["params"]["properties"] == with_datasets({"p": "q"}, [("training", table)])


def test_what_a_run_cannot_do_with_data_is_said_with_what_it_can(given: Program) -> None:
    printed = given.execute(
        """
        from azureml.core import Dataset, Datastore, Run
        run = Run.get_context()
        ws = run.experiment.workspace
        for attempt in (lambda: Dataset.File.from_files((Datastore, "x")),
                        lambda: Dataset.Tabular.register_pandas_dataframe(None, None, "x"),
                        lambda: ws.get_default_datastore(), lambda: Datastore.get(ws, "x")):
            try:
                attempt()
            except Exception as error:
                print(sorted(word for word in ("OutputFileDatasetConfig", "get_by_name") if word in str(error)))
        """
    )
    assert printed.splitlines() == [
        "['get_by_name']",
        "['OutputFileDatasetConfig']",
        "['OutputFileDatasetConfig', 'get_by_name']",
        "['OutputFileDatasetConfig', 'get_by_name']",
    ]


def test_what_the_run_has_is_registered_by_its_agent(given: Program, answer: Any, tmp_path: Path) -> None:
    """An input by its name, what was asked for by its own, each with what was done with it; the answer is a dataset."""

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        known = {"id": "i", "table": None, "partition": None, "description": "d", "tags": {"k": "v"}}
        if request["method"] == "get_dataset":
            folder = str(tmp_path / "inputs" / "files")
            return {"result": {"dataset": "workspaces/lab/datasets/other/versions/7", "folder": folder, **known}}
        if request["params"]["register_as"] == "taken":
            return {"error": {"type": "AlreadyExists", "message": "it is there"}}
        made = f"workspaces/lab/datasets/{request['params']['register_as']}/versions/1"
        return {"result": {"dataset": made, **known, "table": request["params"]["table"]}}

    asked = answer(respond)
    printed = given.execute(
        """
        from azureml.core import Dataset, Run
        run = Run.get_context()
        ws = run.experiment.workspace
        made = run.input_datasets["table_direct"].take(2).register(workspace=ws, name="few", tags={"k": "v"})
        print(made, made.version, made.id, made.tags, type(made.skip(1)).__name__)
        made = Dataset.get_by_name(ws, "other").skip(1).register(ws, "rest", create_new_version=True)
        print(made, made.to_path())
        try:
            made.register(ws, "taken")
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    assert printed.splitlines() == [
        "TabularDataset('few') 1 i {'k': 'v'} TabularDataset",
        "FileDataset('rest') ['/b.txt']",
        "UserErrorException it is there",
    ]
    table, _, rest, taken = (each["params"] for each in asked)
    assert table == {
        "register_as": "few",
        "description": None,
        "tags": {"k": "v"},
        "create_new_version": False,
        "table": {**TABLE, "steps": [{"take": 3}, {"take": 2}]},
        "input": "table_direct",
        "paths": None,
    }
    assert (rest["dataset"], rest["paths"], rest["create_new_version"]) == (
        {"name": "other", "version": 7},
        ["b.txt"],
        True,
    )
    assert taken["dataset"] == {"name": "rest", "version": 1}


def test_what_is_too_long_for_the_agent_is_refused_at_once(given: Program) -> None:
    printed = given.execute(
        """
        from azureml.core import Run
        table = Run.get_context().input_datasets["table_direct"]
        try:
            table.filter(table["x"].isin(["x" * 1000] * 5000)).register(None, "long")
        except Exception as error:
            print(type(error).__name__, error)
        """
    )
    assert printed.startswith("UserErrorException register_dataset: more is asked for than 4 MiB")


def test_what_the_program_has_made_is_where_its_agent_finds_it_until_it_is_registered(
    given: Program, answer: Any
) -> None:
    run = given.folder
    there: list[str] = []

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        folder = run / "register" / request["params"]["folder"]
        there.extend(f"{path.name}: {path.read_text()}" for path in folder.iterdir())
        known = {"id": "i", "table": None, "partition": None, "description": "", "tags": {}}
        return {"result": {"dataset": "workspaces/lab/datasets/made/versions/1", **known}}

    answer(respond)
    printed = given.execute(
        """
        import tempfile
        from azureml.core import Run
        table = Run.get_context().input_datasets["table_direct"]
        folder = tempfile.mkdtemp()
        open(folder + "/part-00000.csv", "w").write("x")
        made = table._made(folder).register(None, "made")
        print(made, made.to_path())
        """
    )
    assert printed == "FileDataset('made') ['/part-00000.csv']\n"
    assert there == ["part-00000.csv: x"]
    assert list((run / "register").iterdir()) == []


def test_a_run_is_told_which_data_it_was_given_and_which_it_asked_for(given: Program, answer: Any) -> None:
    asked = {"dataset": "workspaces/lab/datasets/other/versions/7", "id": "i"}
    answer(lambda request: {"result": {"datasets_read": [asked]}})
    printed = given.execute(
        """
        from azureml.core import Run
        details = Run.get_context().get_details()
        for each in details["inputDatasets"]:
            print(sorted(each["dataset"].items()), sorted(each["consumptionDetails"].items()))
        print([each["outputDetails"]["outputName"] for each in details["outputDatasets"]])
        """
    )
    assert printed.splitlines() == [
        "[('id', 'other'), ('name', 'files'), ('version', 2)] "
        "[('inputName', 'files_mount'), ('mechanism', 'Mount'), ('type', 'RunInput')]",
        "[('id', 'other'), ('name', 'files'), ('version', 2)] "
        "[('inputName', 'files_direct'), ('mechanism', 'Direct'), ('type', 'RunInput')]",
        f"[('id', '{ID}'), ('name', 'table'), ('version', 2)] "
        "[('inputName', 'table_direct'), ('mechanism', 'Direct'), ('type', 'RunInput')]",
        "[('id', 'i'), ('name', 'other'), ('version', 7)] [('type', 'Reference')]",
        "['clean']",
    ]


def test_what_is_done_with_a_table_is_noted_until_it_is_read(given: Program) -> None:
    printed = given.execute(
        """
        from azureml.core import Run
        table = Run.get_context().input_datasets["table_direct"]
        chosen = table.skip(1).filter((table["x"] > 1) & ~table["y"].is_null())
        print([sorted(step) for step in chosen._given["table"]["steps"]])
        try:
            import pandas
        except ImportError:
            print("[2, 3]")
        else:
            print(list(chosen.to_pandas_dataframe().x))
        for wrong in (lambda: table.filter("x > 1"), lambda: table.filter(table["x"] > 1 and table["y"] == "a")):
            try:
                wrong()
            except Exception as error:
                print(str(error).partition(":")[0])
        """
    )
    assert printed.splitlines() == ["[['take'], ['skip'], ['filter']]", "[2, 3]", "filter", "filter"]


def test_rows_are_chosen_by_when_they_were(given: Program) -> None:
    """What is noted is what is noted where runs are submitted."""
    printed = given.execute(
        """
        from datetime import datetime, timedelta
        from azureml.core import Run
        from azureml.data import TabularDataset
        table = Run.get_context().input_datasets["table_direct"]
        day = datetime(2024, 5, 2)
        print(isinstance(table, TabularDataset), table.timestamp_columns)
        named = table.with_timestamp_columns(timestamp="x", partition_timestamp="y")
        print(*(each.timestamp_columns for each in (named, named.drop_columns("x"), named.keep_columns("x"))))
        print(sorted(named._given["table"]["column_types"].items()))
        print(named.time_before(day)._given["table"]["steps"][-1])
        chosen = named.time_between(day, day), named.time_recent(timedelta(1))
        print([len(each._given["table"]["steps"]) for each in chosen])
        try:
            table.time_after(day)
        except Exception as error:
            print(error)
        """
    )
    compare = {"compare": {"column": "x", "operator": "OPERATOR_LESS_OR_EQUAL", "time": "2024-05-02T00:00:00"}}
    assert printed.splitlines() == [
        "True (None, None)",
        "('x', 'y') (None, 'y') ('x', None)",
        "[('x', 'datetime'), ('y', 'datetime')]",
        str({"filter": compare}),
        "[3, 2]",
        "the table says of no column when a row was: with_timestamp_columns(column) does",
    ]


def test_what_was_made_of_a_table_is_files(given: Program) -> None:
    printed = given.execute(
        """
        from azureml.core import Run
        table = Run.get_context().input_datasets["table_direct"]
        try:
            import pandas
        except ImportError:
            print("/part-00000.csv")
        else:
            made = table.to_csv_files()
            print(*made.to_path())
            assert open(made.download()[0]).read() == open(made._folder + "/part-00000.csv").read()
        """
    )
    assert printed == "/part-00000.csv\n"


def test_files_are_chosen_by_what_their_paths_say(given: Program) -> None:
    data = Path(given.env["ORRIS_DATA"])
    told = json.loads(data.read_text())
    told["inputs"][1]["partition"] = partition_of("/{letter}.txt")
    data.write_text(json.dumps(told))
    printed = given.execute(
        """
        from azureml.core import Run
        files = Run.get_context().input_datasets["files_direct"]
        print(files.partition_keys, files.get_partition_key_values())
        print(files.filter(files["letter"] != "a").to_path(), files.filter(files["letter"] == "z").to_path())
        try:
            files.filter(files["size"] > 1)
        except Exception as error:
            print(error)
        print(Run.get_context().input_datasets["table_direct"].partition_keys)
        """
    )
    assert printed.splitlines() == [
        "['letter'] [{'letter': 'a'}, {'letter': 'b'}]",
        "['/b.txt'] []",
        "paths say nothing of 'size'; they say letter",
        "[]",
    ]


def test_what_makes_datasets_is_there_where_files_are_urls(program: Program) -> None:
    """And says what else there is where they are not, or the URL is none."""
    printed = program.execute(
        """
        from azureml.core import Dataset
        from azureml.data.dataset_factory import DataType, FileDatasetFactory, TabularDatasetFactory
        from azureml.data.dataset_type_definitions import PromoteHeadersBehavior
        from orris import _table_options, _web_files
        print(Dataset.File is FileDatasetFactory, Dataset.Tabular is TabularDatasetFactory)
        print(sorted(_web_files.paths_of_urls(["https://a.org/x/1.csv?k=s", "https://a.org/x/y/2.csv"])))
        types = {"x": DataType.to_long()}
        table = _table_options.delimited(";", PromoteHeadersBehavior.NO_HEADERS, "utf8", True, types, True, False)
        print(table["no_header"], table["column_types"], table["path_column"])
        for attempt in (lambda: TabularDatasetFactory.from_delimited_files(("store", "x.csv")),
                        lambda: Dataset.File.from_files([]), lambda: Dataset.File.from_files("https:///x"),
                        lambda: Dataset.Tabular.from_parquet_files("https://a.org/x", partition_format="/{a}")):
            try:
                attempt()
            except Exception as error:
                print(type(error).__name__, str(error).split(' URLs')[0].partition(';')[0])
        """
    )
    assert printed.splitlines() == [
        "True True",
        "['1.csv', 'y/2.csv']",
        "True {'x': 'int'} Path",
        "NotInsideRunException Dataset.Tabular.from_delimited_files of anything but http and https",
        "NotInsideRunException Dataset.File.from_files of anything but http and https",
        "UserErrorException path: https:///x is no URL of a file that can be asked for",
        "UserErrorException partition_format: is for where runs are submitted",
    ]


def test_a_run_without_data_has_none_and_loads_nothing_for_it(program: Program) -> None:
    printed = program.execute(
        """
        import sys
        from azureml.core import Run
        run = Run.get_context()
        print(run.input_datasets, run.output_datasets, {"tempfile", "random", "pandas"} & set(sys.modules))
        """
    )
    assert printed == "{} {} set()\n"


def test_diabetes_is_there_where_the_environment_has_it(program: Program) -> None:
    printed = program.execute(
        """
        from azureml.opendatasets import Diabetes
        try:
            print(*Diabetes.get_tabular_dataset().to_pandas_dataframe().columns)
        except Exception as error:
            print(error)
        """
    )
    has_it = program.python == sys.executable
    assert printed.startswith("AGE SEX BMI BP S1" if has_it else "Diabetes comes with scikit-learn")
