"""Data from a folder to a run, and from there to another: everything is real."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orris import Dataset, Environment, Experiment, OutputFileDatasetConfig, ScriptRunConfig, Workspace
from orris.errors import FailedPrecondition
from orris.names import RunName
from tests.e2e.conftest import Orris
from tests.fakes.download_server import download_server

pytestmark = pytest.mark.needs("pypi")

CLEAN = """
import os, sys
from azureml.core import Run
run = Run.get_context()
files, copies, out = sys.argv[1:]
assert files == run.input_datasets["raw"] == os.environ["raw"], (files, run.input_datasets)
print("raw", sorted(os.listdir(files)), open(files + "/a.csv").read().split())
with open(copies + "/a.csv", "a") as file:
    file.write("9,z\\n")
table = run.input_datasets["table"]
print("table", type(table).__name__, table.to_path(), os.environ["AZUREML_DATASET_ENVIRONMENT_VARS"])
with open(out + "/clean.csv", "w") as file:
    file.write(open(copies + "/a.csv").read())
"""
READ = """
import sys
import os
place = os.path.join(sys.argv[1], *os.listdir(sys.argv[1])) if os.path.isdir(sys.argv[1]) else sys.argv[1]
print("read", open(place).read().split(), place.rpartition("/")[2], "in a folder" * (place != sys.argv[1]))
"""
ASK = """
import sys
from azureml.core import Dataset, Run
workspace = Run.get_context().experiment.workspace
found = Dataset.get_by_name(workspace, sys.argv[1])
b = found.filter(found["letter"] == "b")
place, = b.download()
again = Dataset.get_by_id(workspace, found.id)
all_of_them = Dataset.get_all(workspace)
print("asked", found.version, b.to_path(), open(place).read().split(), again.name == found.name)
print("listed", all_of_them[found.name].tags, all_of_them[found.name].take(1).to_path())
"""


FILL = r"""
import os, sys
out, = sys.argv[1:]
os.mkdir(out + "/at")
for name, text in {"at/1.csv": "x;y\n1;a\n", "at/2.csv": "x;y\n2;b\n", "at/notes.md": "n", "scratch.tmp": "t"}.items():
    open(out + "/" + name, "w").write(text + os.environ.get("MORE", ""))
"""


LEAVE = """
import sys
from azureml.core import Run
files = Run.get_context().input_datasets["table"]
code, out = sys.argv[1:]
open(out + "/rows.csv", "w").write("x,y\\n7,g\\n")
open(out + "/of.txt", "w").write(" ".join(files.to_path()))
sys.exit(int(code))
"""
WEB = """
import sys
from azureml.core import Run
from azureml.core.dataset import Dataset
from azureml.data.dataset_factory import DataType, TabularDatasetFactory
workspace = Run.get_context().experiment.workspace
table = TabularDatasetFactory.from_delimited_files(path=[sys.argv[1]], set_column_types={"x": DataType.to_string()})
made = table.skip(1).register(workspace=workspace, name="of the web")
files = Dataset.File.from_files(sys.argv[1])
print("fetched", made.to_path(), open(files.download()[0]).read().split())
"""
SPLIT = """
from azureml.core import Dataset, Run
run = Run.get_context()
first, second = (run.input_datasets[each] for each in ("first", "second"))
whole = Dataset.get_by_name(run.experiment.workspace, "whole")
again = whole.random_split(0.5, seed=11)
assert [each.to_path() for each in again] == [first.to_path(), second.to_path()], (again, first.to_path())
chosen = whole.filter(whole["part"].isin(["a", "b"]) & whole["part"].starts_with("b"))
print("split", sorted(first.to_path() + second.to_path()), chosen.to_path())
made = chosen.register(run.experiment.workspace, "of b", tags={"k": "v"})
print("registered", made.version, Dataset.get_by_name(run.experiment.workspace, "of b").get_partition_key_values())
try:
    whole.register(run.experiment.workspace, "of b")
except Exception as error:
    print("refused", type(error).__name__)
"""


@pytest.fixture
def experiment(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    for name in ("ORRIS_ADDRESS", "ORRIS_TOKEN", "ORRIS_TOKEN_FILE", "ORRIS_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ORRIS_HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "clean.py").write_text(CLEAN)
    (tmp_path / "source" / "read.py").write_text(READ)
    (tmp_path / "source" / "ask.py").write_text(ASK)
    (tmp_path / "source" / "fill.py").write_text(FILL)
    (tmp_path / "source" / "leave.py").write_text(LEAVE)
    (tmp_path / "source" / "split.py").write_text(SPLIT)
    (tmp_path / "source" / "web.py").write_text(WEB)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("x,y\n1,a\n")
    (tmp_path / "data" / "b.csv").write_text("x,y\n2,b\n")
    return Experiment(Workspace("default"), "data")


def executed(experiment: Experiment, folder: Path, script: str, *arguments: Any, **more: Any) -> Any:
    config = ScriptRunConfig(folder, script, arguments=arguments, environment=small(), **more)
    run = experiment.submit(config)
    run.wait_for_completion()
    return run


def small() -> Environment:
    return Environment("data", pip_packages=["iniconfig"])


def log_of(run: Any) -> str:
    text: str = run.get_logs()
    return text


@pytest.mark.parametrize("isolation", ["process", "warm"])
def test_a_run_gets_its_data_and_leaves_some_for_the_next(
    experiment: Experiment, tmp_path: Path, isolation: str, orris: Orris
) -> None:
    workspace = experiment.workspace
    raw: Any = Dataset.create(workspace, f"raw {isolation}", tmp_path / "data")
    table = raw.workspace.get_default_datastore()
    table.upload(tmp_path / "data", f"tables-{isolation}")
    from orris.sdk.dataset_factory import from_delimited_files

    rows = from_delimited_files((table, f"tables-{isolation}/b.csv")).register(workspace, f"rows-{isolation}")
    output = OutputFileDatasetConfig("out", (table, "clean/{run-id}/{output-name}"))
    run = executed(
        experiment,
        tmp_path / "source",
        "clean.py",
        raw.as_named_input("raw").as_mount(),
        raw.as_named_input("copies").as_download("mine"),
        output.register_on_complete(f"clean-{isolation}", "cleaned", {"step": "1"}),
        inputs=[rows.as_named_input("table")],
        isolation=isolation,
    )
    said = log_of(run)
    assert "raw ['a.csv', 'b.csv'] ['x,y', '1,a']" in said
    assert "table TabularDataset ['/b.csv'] table:direct,raw:mount,copies:download" in said
    assert run.message.left_behind == []

    clean: Any = Dataset.get(workspace, f"clean-{isolation}")
    assert (clean.version, clean.run_id, clean.description, clean.tags) == (1, run.id, "cleaned", {"step": "1"})
    assert table.download(tmp_path / "there", f"clean/{run.id}") == 1
    assert (tmp_path / "there" / "clean" / run.id / "out" / "clean.csv").read_text() == "x,y\n1,a\n9,z\n"
    details = run.get_details()
    assert [each["dataset"].get("name") for each in details["inputDatasets"]] == [
        f"rows-{isolation}", f"raw {isolation}", f"raw {isolation}",
    ]  # fmt: skip
    assert details["outputDatasets"][0]["dataset"] == {"name": f"clean-{isolation}", "version": 1}

    again = executed(experiment, tmp_path / "source", "read.py", clean.as_named_input("c").as_mount())
    assert "read ['x,y', '1,a', '9,z'] clean.csv" in log_of(again)
    assert [each.id for each in clean.runs()] == [again.id, run.id]
    shown = json.loads(orris("data", "show", f"clean-{isolation}", "--json").stdout)
    assert (shown["runId"], shown["usedBy"]) == (run.id, [again.id])

    clean.delete()
    assert "read ['x,y', '1,a', '9,z']" in log_of(again)
    tree = again.message.inputs[0].tree
    assert [each.path for each in workspace.transfer.entries(tree)] == ["clean.csv"]


def test_a_script_asks_for_data_that_it_was_not_given(experiment: Experiment, tmp_path: Path, orris: Orris) -> None:
    options: Any = {"partition_format": "/{letter}.csv", "tags": {"k": "v"}}
    Dataset.create(experiment.workspace, "asked", tmp_path / "data", **options)
    run = executed(experiment, tmp_path / "source", "ask.py", "asked", isolation="process")
    assert "asked 1 ['/b.csv'] ['x,y', '2,b'] True" in log_of(run)
    assert "listed {'k': 'v'} ['/a.csv']" in log_of(run)
    shown = json.loads(orris("data", "show", "asked", "--json").stdout)
    assert (shown["usedBy"], shown["partitionKeys"]) == ([run.id], ["letter"])
    assert run.get_details()["inputDatasets"] == [
        {
            "dataset": {"id": shown["id"], "name": "asked", "version": 1},
            "consumptionDetails": {"type": "Reference"},
        }
    ]
    assert "asked:1" in orris("runs", "show", run.id).stdout


def test_what_is_chosen_of_a_folder_is_kept_registered_and_not_put_in_place_of_other_files(
    experiment: Experiment, tmp_path: Path
) -> None:
    store = experiment.workspace.get_default_datastore()
    output = OutputFileDatasetConfig("out", (store, "filled")).as_upload(source_globs=["*.csv", "*.md"])
    output = output.read_delimited_files(separator=";", partition_format="/at/{part}.csv", path_glob="at/*.csv")
    output = output.drop_columns("y").register_on_complete("filled")
    for _ in range(2):  # the same files are in nobody's way
        executed(experiment, tmp_path / "source", "fill.py", output)
    assert [entry.path for entry in store.files.entries("filled")] == [
        "filled/at/1.csv",
        "filled/at/2.csv",
        "filled/at/notes.md",
    ]
    table: Any = Dataset.get(experiment.workspace, "filled")
    assert (table.version, table.to_path()) == (1, ["/at/1.csv", "/at/2.csv"])
    assert table.to_pandas_dataframe().values.tolist() == [["1", 1], ["2", 2]]

    more = small()
    more.environment_variables = {"MORE": "3;c\n"}
    run = experiment.submit(ScriptRunConfig(tmp_path / "source", "fill.py", arguments=[output], environment=more))
    run.wait_for_completion(raise_on_error=False)
    assert "filled/at/1.csv is in the datastore already" in run.message.error.message
    (left,) = run.message.outputs_to
    kept = [entry.path for entry in experiment.workspace.transfer.entries(left.tree)]
    assert kept == ["at/1.csv", "at/2.csv", "at/notes.md"]


def test_parts_are_the_same_inside_a_run_and_registered_from_there(experiment: Experiment, tmp_path: Path) -> None:
    options: Any = {"partition_format": "/{part}.csv"}
    whole: Any = Dataset.create(experiment.workspace, "whole", tmp_path / "data", **options)
    first, second = whole.random_split(0.5, seed=11)
    given = [first.as_named_input("first").as_direct(), second.as_named_input("second").as_direct()]
    run = executed(experiment, tmp_path / "source", "split.py", inputs=given, isolation="process")
    assert "split ['/a.csv', '/b.csv'] ['/b.csv']" in log_of(run)
    assert "registered 1 [{'part': 'b'}]\nrefused UserErrorException" in log_of(run)
    made: Any = Dataset.get(experiment.workspace, "of b")
    assert (made.to_path(), made.tags, made.run_id) == (["/b.csv"], {"k": "v"}, run.id)


def test_a_script_reads_what_is_at_a_url(experiment: Experiment, tmp_path: Path) -> None:
    """And registers it, so that others need not ask for it again."""
    with download_server() as site:
        site.objects["web/t.csv"] = b"x,y\n01,a\n02,b\n"
        site.answer = lambda exchange, data: exchange.say(200, data)
        url = f"http://127.0.0.1:{site.server_port}/web/t.csv"
        run = executed(experiment, tmp_path / "source", "web.py", url, isolation="process")
    assert "fetched ['/t.csv'] ['x,y', '01,a', '02,b']" in log_of(run)
    table: Any = Dataset.get(experiment.workspace, "of the web")
    assert table.to_pandas_dataframe().to_dict("records") == [{"x": "02", "y": "b"}]


def test_what_a_run_has_left_is_the_next_ones_input_and_that_of_a_failed_one_is_downloaded(
    experiment: Experiment, tmp_path: Path, orris: Orris
) -> None:
    table: Any = Dataset.create(experiment.workspace, "parts", tmp_path / "data")
    store = experiment.workspace.get_default_datastore()
    output, given = (
        OutputFileDatasetConfig("left", (store, "chain")),
        [table.take(1).as_named_input("table").as_direct()],
    )
    following = ScriptRunConfig(
        tmp_path / "source", "read.py", arguments=[output.as_input("rows")], environment=small()
    )
    kept = output.as_upload(source_globs="*.csv")
    run = executed(experiment, tmp_path / "source", "leave.py", 0, kept, inputs=given, isolation="process")
    again = experiment.submit(following)
    again.wait_for_completion()
    assert "read ['x,y', '7,g'] rows.csv in a folder" in log_of(again)
    assert run.get_output_datasets()["left"].to_path() == ["/rows.csv"]

    config = ScriptRunConfig(
        tmp_path / "source", "leave.py", arguments=[3, output], inputs=given, environment=small(), isolation="process"
    )
    failed = experiment.submit(config)
    failed.wait_for_completion(raise_on_error=False)
    assert failed.status == "Failed"
    with pytest.raises(FailedPrecondition, match="is Failed"):
        experiment.submit(following)
    said = orris("runs", "download", failed.id, "--output", "left", "of.txt", "--into", "there")
    assert said.stdout == "there/of.txt\n"
    assert (tmp_path / "there" / "of.txt").read_text() == "/a.csv"
    assert [entry.path for entry in store.files.entries("chain")] == ["chain/rows.csv"]


def test_the_command_line_registers_and_gives_data(orris: Orris, tmp_path: Path) -> None:
    (tmp_path / "numbers").mkdir()
    (tmp_path / "numbers" / "n.txt").write_text("1 2 3")
    (tmp_path / "sum.py").write_text(
        "import os, sys\nprint(sum(map(int, open(sys.argv[1]).read().split())), sys.argv[1] == os.environ['numbers'])\n"
    )
    assert orris("data", "create", "numbers", "numbers").stdout == "numbers:1\n"
    done = orris("submit", "-p", "iniconfig", "--input", "numbers=numbers:1:mount", "sum.py", "${{inputs.numbers}}")
    assert done.stdout == "6 True\n"
    (tmp_path / "numbers" / "n.txt").write_text("1 2 4")
    assert orris("data", "create", "numbers", "numbers").stdout == "numbers:2\n"
    assert (
        orris("submit", "-p", "iniconfig", "--input", "numbers=numbers", "sum.py", "${{inputs.numbers}}").stdout
        == "7 True\n"
    )
    orris("data", "download", "numbers:1", "--into", "old")
    assert (tmp_path / "old" / "n.txt").read_text() == "1 2 3"
    orris("data", "delete", "numbers:1")
    assert [each["version"] for each in json.loads(orris("data", "list", "numbers", "--json").stdout)] == [2]


def test_data_that_cannot_be_put_where_it_is_to_be_fails_the_run(experiment: Experiment, tmp_path: Path) -> None:
    raw: Any = Dataset.create(experiment.workspace, "in the way", tmp_path / "data")
    config = ScriptRunConfig(
        tmp_path / "source",
        "read.py",
        arguments=[raw.as_named_input("raw").as_mount("read.py")],
        environment=small(),
        isolation="process",
    )
    run = experiment.submit(config)
    run.wait_for_completion(raise_on_error=False)
    assert RunName.parse(run.resource_name).run == run.id
    assert run.status == "Failed"
    assert "choose another folder" in run.message.error.message
