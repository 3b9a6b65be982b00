"""What notebooks set on a RunConfiguration, and what a ScriptRunConfig has besides Azure's arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azureml.exceptions import NotSupportedException, UserErrorException
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris
from tests.unit.azureml.test_compute import create


@pytest.fixture
def store(ws: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The default datastore, with a file in a folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(project / "cache"))
    (project / "data").mkdir()
    (project / "data" / "iris.csv").write_text("sepal\n1\n")
    found = ws.get_default_datastore()
    found.upload(str(project / "data"), "iris")
    return found


def message_of(ws: Any, orris: FakeOrris, config: Any) -> runs_pb2.Run:
    """Return what is submitted."""
    from azureml.core import Experiment

    return orris.runs.runs[Experiment(ws, "e").submit(config).resource_name]


def asked(ws: Any, run_config: Any = None, **options: Any) -> Any:
    """Return what Orris is asked to run."""
    from azureml.core import ScriptRunConfig

    return ScriptRunConfig(".", "train.py", run_config=run_config, **options).to_orris(ws)


@pytest.mark.parametrize("word", ["{reference}", "$AZUREML_DATAREFERENCE_iris", "${{AZUREML_DATAREFERENCE_iris}}"])
def test_data_references_are_inputs_whatever_stands_for_them(ws: Any, orris: FakeOrris, store: Any, word: str) -> None:
    from azureml.core import RunConfiguration, ScriptRunConfig
    from azureml.core.runconfig import DataReferenceConfiguration
    from azureml.data.data_reference import DataReference

    reference = DataReference(store, "iris", path_on_datastore="iris", mode="download", path_on_compute="there")
    config = RunConfiguration()
    config.data_references = {reference.data_reference_name: reference.to_config()}
    config.data_references["other"] = DataReferenceConfiguration(
        datastore_name="workspaceblobstore", path_on_datastore="iris", mode="mount"
    )
    arguments = ["--data", word.format(reference=reference), "--file", f"{reference}/iris.csv"]
    message = message_of(ws, orris, ScriptRunConfig(".", "train.py", arguments=arguments, run_config=config))
    assert list(message.arguments) == ["--data", "${{inputs.iris}}", "--file", "${{inputs.iris}}/iris.csv"]
    first, second = message.inputs
    assert (first.name, first.mode, first.path_on_compute) == ("iris", runs_pb2.RunInput.MODE_DOWNLOAD, "there")
    assert (second.name, second.mode, second.tree) == ("other", runs_pb2.RunInput.MODE_MOUNT, first.tree)


def test_a_reference_may_stand_among_arguments_and_in_the_configuration(ws: Any, orris: FakeOrris, store: Any) -> None:
    from azureml.core import ScriptRunConfig
    from azureml.data.data_reference import DataReference

    reference = DataReference(store, "iris", path_on_datastore="iris")
    config = ScriptRunConfig(".", "train.py", arguments=["--data", reference])
    config.run_config.data_references = {"iris": reference.to_config()}
    assert [each.name for each in message_of(ws, orris, config).inputs] == ["iris"]


def test_data_is_given_by_name(ws: Any, orris: FakeOrris, store: Any) -> None:
    from azureml.core import Dataset, RunConfiguration, ScriptRunConfig

    files = Dataset.File.from_files((store, "iris"))
    config = RunConfiguration()
    config.data = {"training": files.as_named_input("iris").as_mount()}
    given = message_of(ws, orris, ScriptRunConfig(".", "train.py", run_config=config)).inputs
    assert [each.name for each in given] == ["training"]
    config.data = {"training": files}
    with pytest.raises(UserErrorException, match=r"training: .* give dataset.as_named_input\('training'\)"):
        asked(ws, config)


def test_what_is_no_input_is_no_argument(ws: Any, store: Any) -> None:
    from azureml.core import Experiment, ScriptRunConfig

    for word in (store, store.path("iris")):
        with pytest.raises(UserErrorException, match=r"is no argument by itself: say \.as_mount\(\)"):
            Experiment(ws, "e").submit(ScriptRunConfig(".", "train.py", arguments=["--data", word]))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mpi", "it has arguments"),
        ("amlcompute", "create a cluster"),
        ("output_data", "give the script an OutputFileDatasetConfig among its arguments"),
        ("tartget", "it has arguments, command, .* target"),
    ],
)
def test_what_is_not_there_cannot_be_set(name: str, hint: str) -> None:
    from azureml.core import RunConfiguration

    config = RunConfiguration()
    with pytest.raises(NotSupportedException, match=rf"RunConfiguration\.{name} is not available in Orris yet: {hint}"):
        setattr(config, name, 1)
    assert not hasattr(config, name)


def test_what_happens_by_itself_may_be_asked_for() -> None:
    from azureml.core import RunConfiguration

    config = RunConfiguration()
    config.auto_prepare_environment = True
    config.source_directory_data_store = "workspaceblobstore"


def test_a_time_limit_may_stand_in_the_configuration(ws: Any) -> None:
    from azureml.core import RunConfiguration

    config = RunConfiguration()
    assert asked(ws, config).max_run_duration_seconds is None
    config.max_run_duration_seconds = 90
    assert asked(ws, config).max_run_duration_seconds == 90
    assert asked(ws, config, max_run_duration_seconds=60).max_run_duration_seconds == 60


def test_the_work_of_a_script_is_spread_and_retried_as_asked(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import ScriptRunConfig

    config = ScriptRunConfig(".", "train.py", distribution="joblib", max_retries=2)
    message = message_of(ws, orris, config)
    assert (message.distribution, message.max_retries) == (runs_pb2.DISTRIBUTION_JOBLIB, 2)


def test_what_a_cluster_of_low_priority_loses_begins_again(ws: Any) -> None:
    create(ws, "dear")
    create(ws, "cheap", vm_priority="lowpriority")
    assert [asked(ws, compute_target=name).max_retries for name in ("dear", "cheap", ws.compute_targets["cheap"])] == [
        0,
        3,
        3,
    ]
    assert asked(ws, compute_target="cheap", max_retries=0).max_retries == 0
