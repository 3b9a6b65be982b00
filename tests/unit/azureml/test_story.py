"""From a script to a service, with Azure's names, results and exceptions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from azureml import exceptions
from orris.images.v1 import images_pb2
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


def test_all_logs_are_saved_each_once(ws: Any, orris: FakeOrris, tmp_path: Path) -> None:
    """That of the environment's build among them."""
    build = images_pb2.Build(name="workspaces/lab/builds/b")
    orris.images.builds[build.name] = build

    def script(name: str) -> None:
        orris.runs.write(name, b"trained\n")
        orris.runs.end(name, build=build.name)

    orris.runs.script = script
    run = submitted(ws)
    run.wait_for_completion()
    names = ["azureml-logs/20_image_build_log.txt", "user_logs/std_log.txt"]
    assert run.get_all_logs(tmp_path / "logs") == [str(tmp_path / "logs" / name) for name in names]
    assert [(tmp_path / "logs" / name).read_text() for name in names] == ["resolving\ninstalling\n", "trained\n"]
    assert run.get_all_logs() == names
    assert Path(names[1]).read_text() == "trained\n"


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


@pytest.fixture
def scoring(project: Path) -> Path:
    folder = project / "source_dir"
    folder.mkdir()
    (folder / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    (folder / "conda.yml").write_text("dependencies: [python=3.11, pip: [azureml-defaults, numpy]]\n")
    return folder


def test_a_scoring_script_is_deployed_as_samples_do(ws: Any, project: Path, scoring: Path, orris: FakeOrris) -> None:
    from azureml.core import Environment, Model
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice, LocalWebservice

    (project / "model.pkl").write_bytes(b"model")
    models = [Model.register(ws, "model.pkl", name) for name in ("m", "n")]
    environment = Environment.from_conda_specification("env", scoring / "conda.yml")
    environment.inferencing_stack_version = "latest"
    config = InferenceConfig(entry_script="score.py", source_directory="./source_dir", environment=environment)
    aci = AciWebservice.deploy_configuration(cpu_cores=1, memory_gb=0.5, tags={"a": "b"}, description="d")
    service = Model.deploy(ws, "my-service", models, config, aci, deployment_target="my-aks")
    sent = orris.endpoints.endpoints[service.resource_name]
    assert sent.code.entry_script == "source_dir/score.py"
    assert sent.code.environment == "workspaces/lab/environments/env/versions/1"
    assert len(sent.model_versions) == 2
    assert (sent.resources.cpus, sent.resources.memory_bytes, sent.auth_enabled) == (1, 2**29, False)
    local = Model.deploy(
        ws, "local", [], InferenceConfig("source_dir/score.py"), LocalWebservice.deploy_configuration(port=8890)
    )
    assert type(local) is LocalWebservice
    assert orris.endpoints.endpoints[local.resource_name].code.entry_script == "score.py"


def test_a_service_as_on_aks_has_a_key_and_a_minute(ws: Any, scoring: Path, orris: FakeOrris) -> None:
    from azureml.core import Model
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AksWebservice

    script = InferenceConfig("score.py", source_directory=scoring)
    with pytest.warns(UserWarning, match="not used are enable_app_insights, num_replicas"):
        aks = AksWebservice.deploy_configuration(
            num_replicas=3, cpu_cores=0.5, enable_app_insights=True, scoring_timeout_ms=5000
        )
    service = Model.deploy(ws, "aks-service", [], script, aks)
    assert type(service) is AksWebservice
    sent = orris.endpoints.endpoints[service.resource_name]
    assert (sent.auth_enabled, dict(sent.code.environment_variables)) == (True, {"SCORING_TIMEOUT_MS": "5000"})
    Model.deploy(ws, "aks-service", [], script, AksWebservice.deploy_configuration(auth_enabled=False), overwrite=True)
    sent = orris.endpoints.endpoints[service.resource_name]
    assert (sent.auth_enabled, dict(sent.code.environment_variables)) == (False, {"SCORING_TIMEOUT_MS": "60000"})
    for refused in ({"token_auth_enabled": True}, {"primary_key": "k"}):
        with pytest.raises(exceptions.NotSupportedException, match="AksWebservice"):
            AksWebservice.deploy_configuration(**refused)


def test_the_old_form_of_a_scoring_script_is_understood(ws: Any, scoring: Path, orris: FakeOrris) -> None:
    from azureml.core import Environment, Model
    from azureml.core.model import InferenceConfig

    with pytest.warns(DeprecationWarning, match="environment="):
        config = InferenceConfig(
            entry_script="score.py", runtime="python", source_directory=str(scoring), conda_file="conda.yml"
        )
    service = Model.deploy(ws, "my-service", [], config)
    sent = orris.endpoints.endpoints[service.resource_name]
    assert sent.code.environment == "workspaces/lab/environments/conda-inference/versions/1"
    with pytest.raises(exceptions.NotSupportedException, match="spark"):
        InferenceConfig(entry_script="score.py", runtime="spark-py")
    with pytest.raises(exceptions.NotSupportedException, match="base_image"):
        InferenceConfig(entry_script="score.py", base_image="x")
    with pytest.raises(exceptions.UserErrorException, match="leave out runtime"):
        InferenceConfig("score.py", environment=Environment("env"), conda_file="conda.yml")


def test_what_cannot_be_deployed_is_refused_clearly(ws: Any, project: Path) -> None:
    from azureml.core import Model
    from azureml.core.model import InferenceConfig
    from azureml.core.webservice import AciWebservice

    (project / "model.pkl").write_bytes(b"model")
    model = Model.register(ws, "model.pkl", "m")
    zero_or_multiple = "You must provide an InferenceConfig when deploying zero or multiple models"
    for models in ([model, model], []):
        with pytest.raises(exceptions.UserErrorException, match=zero_or_multiple):
            Model.deploy(ws, "my-service", models)
    with pytest.raises(exceptions.UserErrorException, match="inference_config"):
        Model.deploy(ws, "my-service", [model], inference_config=object())
    with pytest.raises(exceptions.UserErrorException, match="entry_script"):
        Model.deploy(ws, "my-service", [model], InferenceConfig("none.py"))
    with pytest.raises(exceptions.UserErrorException, match="deployment_config"):
        Model.deploy(ws, "my-service", [model], deployment_config=object())
    with pytest.raises(exceptions.UserErrorException, match="environment"):
        InferenceConfig("score.py", environment="env")
    with pytest.raises(exceptions.UserErrorException, match="memory_gb"):
        AciWebservice.deploy_configuration(memory_gb=-1)


def test_run_details_shows_how_a_run_stands(ws: Any, capsys: Printed) -> None:
    from azureml.widgets import RunDetails

    run = submitted(ws)
    run.wait_for_completion()
    RunDetails(run).show()
    assert f"RunId: {run.id}\nStatus: Completed\n" in capsys.readouterr().out
