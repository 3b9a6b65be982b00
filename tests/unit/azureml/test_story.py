"""From a script to a service, with Azure's names, results and exceptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml import exceptions
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris

Printed = pytest.CaptureFixture[str]


def submitted(ws: Any, **options: Any) -> Any:
    from azureml.core import Experiment, ScriptRunConfig

    return Experiment(workspace=ws, name="iris").submit(
        ScriptRunConfig(source_directory=".", script="train.py", **options)
    )


def with_outputs(orris: FakeOrris) -> None:
    def script(name: str) -> None:
        tree = orris.artifacts.keep("lab", {"outputs/model.joblib": b"model"})
        orris.runs.write(name, b"trained\n")
        orris.runs.end(name, outputs=tree)

    orris.runs.script = script


def test_a_run_is_submitted_as_configured(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Environment, Run

    run = submitted(ws, arguments=["--kernel", "linear", "--penalty", 1.0], environment=Environment("e"))
    assert isinstance(run, Run)
    assert run.wait_for_completion()["status"] == "Completed"
    message = orris.runs.runs[run.resource_name]
    assert list(message.arguments) == ["--kernel", "linear", "--penalty", "1.0"]
    assert message.pool == "local"
    assert message.environment == "workspaces/lab/environments/e/versions/1"
    assert not message.HasField("time_limit")
    assert [each.id for each in run.experiment.get_runs()] == [run.id]
    assert type(ws.get_run(run.id)) is Run
    assert Run(run.experiment, run.id).get_status() == "Completed"
    assert run.get_details_with_logs()["logFiles"]["user_logs/std_log.txt"] == "hello\n"


def test_run_configurations_of_notebooks(ws: Any, orris: FakeOrris) -> None:
    from azureml.core import Environment, RunConfiguration, ScriptRunConfig

    plain = ScriptRunConfig(source_directory=".", script="train.py").to_orris(ws)
    assert plain.environment == "orris-sklearn"

    config = RunConfiguration()
    config.target = "local"
    config.environment.python.conda_dependencies.add_pip_package("pandas")
    config.environment.environment_variables = {"A": "1"}
    asked = ScriptRunConfig(".", "train.py", run_config=config).to_orris(ws)
    assert "pandas" in asked.environment.spec.conda_yaml
    assert asked.environment_variables == {"A": "1"}

    source = ScriptRunConfig(source_directory=".", script="train.py", max_run_duration_seconds=60)
    source.run_config.environment = Environment("mine")
    asked = source.to_orris(ws)
    assert asked.environment.name == "mine"
    assert asked.max_run_duration_seconds == 60


def test_the_output_is_azures_but_live(ws: Any, orris: FakeOrris, capsys: Printed) -> None:
    run = submitted(ws)
    run.wait_for_completion(show_output=True)
    printed = capsys.readouterr().out
    head = f"RunId: {run.id}\nWeb View: orris runs show {run.id}\n"
    streamed = "\nStreaming user_logs/std_log.txt\n===============================\n\nhello\n"
    assert printed.startswith(f"{head}{streamed}")
    assert f"\nExecution Summary\n=================\n{head}" in printed


def test_a_failed_run_raises_with_the_reason(ws: Any, orris: FakeOrris) -> None:
    def script(name: str) -> None:
        error = runs_pb2.RunError(
            code=runs_pb2.RunError.CODE_USER_PROGRAM, message="exit code 1", details="NameError: x"
        )
        orris.runs.end(name, runs_pb2.Run.STATE_FAILED, error=error)

    orris.runs.script = script
    run = submitted(ws)
    with pytest.raises(exceptions.ActivityFailedException, match="NameError: x") as caught:
        run.wait_for_completion()
    assert json.loads(caught.value.error_details or "")["error"]["code"] == "UserError"
    assert isinstance(caught.value, exceptions.AzureMLException)
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_mistakes_are_the_users(ws: Any, project: Path) -> None:
    from azureml.core import Experiment, Run, ScriptRunConfig

    with pytest.raises(exceptions.UserErrorException, match=r"missing\.py"):
        Experiment(ws, "iris").submit(ScriptRunConfig(".", "missing.py"))
    with pytest.raises(exceptions.UserErrorException, match="experiment"):
        Experiment(ws, "not a name!")
    with pytest.raises(exceptions.ServiceException, match="no run"):
        Run(Experiment(ws, "iris"), "iris_1_00000000")
    with pytest.raises(exceptions.NotSupportedException, match="ScriptRunConfig"):
        Experiment(ws, "iris").submit(object())
    with pytest.raises(exceptions.NotSupportedException, match="distributed_job_config"):
        ScriptRunConfig(".", "train.py", distributed_job_config=object())
    with pytest.raises(exceptions.RunEnvironmentException):
        Run.get_context(allow_offline=False)


def test_the_knob_for_the_size_of_snapshots(ws: Any, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import azureml._restclient.snapshots_client as knob

    monkeypatch.setattr(knob, "SNAPSHOT_MAX_SIZE_BYTES", 1000)
    (project / "large").write_bytes(bytes(2000))
    with pytest.raises(exceptions.SnapshotException, match="large"):
        submitted(ws)
    knob.SNAPSHOT_MAX_SIZE_BYTES = 5000
    submitted(ws).wait_for_completion()


def test_a_model_is_registered_from_the_run(ws: Any, orris: FakeOrris, tmp_path: Path) -> None:
    from azureml.core import Model
    from azureml.core.resource_configuration import ResourceConfiguration

    with_outputs(orris)
    run = submitted(ws)
    run.wait_for_completion()
    model = run.register_model(
        model_name="sklearn-iris",
        model_path="outputs/model.joblib",
        tags={"area": "iris"},
        model_framework=Model.Framework.SCIKITLEARN,
        model_framework_version="0.19.1",
        resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
    )
    assert (type(model), model.name, model.id, model.version) == (Model, "sklearn-iris", "sklearn-iris:1", 1)
    assert model.resource_configuration == ResourceConfiguration(cpu=1, memory_in_gb=0.5)
    for found in (Model(ws, "sklearn-iris"), Model(ws, id="sklearn-iris:1"), Model(ws, "sklearn-iris", version=1)):
        assert found.id == model.id
    assert [each.id for each in Model.list(ws, tags=[["area", "iris"]])] == ["sklearn-iris:1"]
    assert Path(model.download(target_dir=str(tmp_path / "m"), exist_ok=True)).read_bytes() == b"model"
    with pytest.raises(exceptions.WebserviceException, match="no model"):
        Model(ws, "none")
    with pytest.raises(exceptions.UserErrorException, match="kept no"):
        run.register_model("other", "outputs/none")
    with pytest.raises(exceptions.UserErrorException, match="model_framework"):
        run.register_model("other", "outputs/model.joblib", model_framework_version="1.0")


def test_registering_a_file_says_so(ws: Any, project: Path, capsys: Printed) -> None:
    from azureml.core import Model

    (project / "model.pkl").write_bytes(b"model")
    assert Model.register(workspace=ws, model_path="model.pkl", model_name="m").version == 1
    assert capsys.readouterr().out == "Registering model m\n"


def deployed(ws: Any, project: Path, *configuration: Any) -> Any:
    from azureml.core import Model

    (project / "model.pkl").write_bytes(b"model")
    model = Model.register(ws, "model.pkl", "m")
    return Model.deploy(ws, "my-service", [model], None, *configuration)


def test_a_deployment_is_as_on_aci(ws: Any, project: Path, orris: FakeOrris, capsys: Printed) -> None:
    from azureml.core import Webservice
    from azureml.core.webservice import AciWebservice

    service = deployed(ws, project)
    service.wait_for_deployment(show_output=True)
    printed = capsys.readouterr().out
    assert printed.startswith("Registering model m\nTips: ")
    assert printed.endswith(
        '\nRunning\nserving\nSucceeded\nACI service creation operation finished, operation "Succeeded"\n'
    )
    assert service.state == "Healthy"
    assert orris.endpoints.endpoints[service.resource_name].auth_enabled is False
    assert type(service) is type(Webservice(ws, "my-service")) is type(ws.webservices["my-service"]) is AciWebservice
    assert service.run(json.dumps({"data": [[1, 2], [3, 4]]})) is not None
    assert service.get_logs() == "serving\n"
    assert service.scoring_uri.endswith("/score")
    service.delete()
    with pytest.raises(exceptions.WebserviceException, match="WebserviceNotFound"):
        Webservice(ws, "my-service")


def test_a_deployment_has_keys_when_asked(ws: Any, project: Path, orris: FakeOrris) -> None:
    from azureml.core.webservice import AciWebservice

    config = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=1, auth_enabled=True, tags={"a": "b"})
    service = deployed(ws, project, config)
    assert service.auth_enabled
    assert service.tags == {"a": "b"}
    assert service.get_keys() == ("key-1", "key-2")


def test_a_failed_deployment_says_why(ws: Any, project: Path, orris: FakeOrris, capsys: Printed) -> None:
    orris.endpoints.error = "ValueError: bad model, in model.py line 3"
    service = deployed(ws, project)
    with pytest.raises(exceptions.WebserviceException, match="bad model") as caught:
        service.wait_for_deployment(show_output=True)
    assert caught.value.logs == "serving\n"
    assert capsys.readouterr().out.endswith('Failed\nACI service creation operation finished, operation "Failed"\n')


def test_scoring_scripts_are_refused_clearly(ws: Any, project: Path) -> None:
    from azureml.core import Model

    (project / "model.pkl").write_bytes(b"model")
    model = Model.register(ws, "model.pkl", "m")
    with pytest.raises(exceptions.NotSupportedException, match="inference_config"):
        Model.deploy(ws, "my-service", [model], inference_config=object())
    with pytest.raises(exceptions.UserErrorException, match="one model"):
        Model.deploy(ws, "my-service", [model, model])
    with pytest.raises(exceptions.UserErrorException, match="deployment_config"):
        Model.deploy(ws, "my-service", [model], deployment_config=object())


def test_run_details_shows_how_a_run_stands(ws: Any, capsys: Printed) -> None:
    from azureml.widgets import RunDetails

    run = submitted(ws)
    run.wait_for_completion()
    RunDetails(run).show()
    assert f"RunId: {run.id}\nStatus: Completed\n" in capsys.readouterr().out
