"""Environments are built, models registered and deployed, endpoints asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris import (
    BuildFailed,
    DeploymentFailed,
    Endpoint,
    Environment,
    Experiment,
    InferenceConfig,
    Model,
    ResourceConfiguration,
    Resources,
    ScriptRunConfig,
    Workspace,
)
from orris.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris.sdk import streams
from orris.sdk.failures import ScoringFailed
from tests.fakes.services.server import FakeOrris


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSES", (0.01,))


@pytest.fixture
def model(server: FakeOrris, lab: Workspace, tmp_path: Path) -> Model:
    (tmp_path / "m.pkl").write_bytes(b"pickled")
    return Model.register(lab, tmp_path / "m.pkl", "iris", environment="orris-sklearn", model_framework="ScikitLearn")


def test_a_build_shows_its_log_over_a_broken_stream(
    server: FakeOrris, lab: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    server.fail_next("ReadBuildLog", Unavailable("restarting"), after=1)
    build = Environment("own", pip_packages=["numpy"]).build(lab).wait_for_completion(show_output=True)
    assert capsys.readouterr().out == "resolving\ninstalling\n"
    assert (build.status, build.image) == ("Succeeded", "workspaces/lab/images/image-of-b1")
    assert Environment.get(lab, "own").image == build.image


def test_a_build_that_fails_tells_the_resolvers_reason(server: FakeOrris, lab: Workspace) -> None:
    server.images.build_error = "no version of numpyy"
    with pytest.raises(BuildFailed, match="no version of numpyy"):
        Environment("own", pip_packages=["numpyy"]).build(lab).wait_for_completion(show_output=False)


def test_environments_are_listed_by_name(server: FakeOrris, lab: Workspace) -> None:
    Environment("own").register(lab)
    Environment("own", pip_packages=["a"]).register(lab)
    assert [each.version for each in Environment.list(lab, "own")] == ["2", "1"]
    assert lab.environments["own"].pip_packages == ["a"]


def test_a_local_file_becomes_a_model_with_its_image(server: FakeOrris, model: Model, tmp_path: Path) -> None:
    assert (model.id, model.message.file) == ("iris:1", "m.pkl")
    assert model.message.image.startswith("workspaces/lab/images/")
    assert Path(model.download(tmp_path / "copy")).read_bytes() == b"pickled"
    with pytest.raises(AlreadyExists):
        model.download(tmp_path / "copy")


def test_a_run_registers_what_it_kept(server: FakeOrris, lab: Workspace, source: Path) -> None:
    run = Experiment(lab, "iris").submit(ScriptRunConfig(source, "train.py"))
    with pytest.raises(FailedPrecondition, match="not ended"):
        run.register_model("iris", "outputs/m.pkl")
    run.wait_for_completion()
    kept = server.artifacts.keep("lab", {"outputs/m.pkl": b"m"})
    server.runs.set(run.resource_name, outputs=kept)
    model = run.register_model(
        "iris",
        "outputs/m.pkl",
        model_framework="ScikitLearn",
        model_framework_version="0.19.1",
        sample_input=[[1.0, 2.0]],
        resource_configuration=ResourceConfiguration(cpu=1, memory_in_gb=0.5),
        tags={"a": 1},
    )
    assert (model.run_id, model.experiment_name, model.tags) == (run.id, "iris", {"a": "1"})
    assert model.message.sample_input_json == "[[1.0, 2.0]]"
    assert model.resource_configuration == ResourceConfiguration(1.0, 0.5, None)
    assert lab.models["iris"].id == "iris:1"


def test_the_report_of_the_conversion_can_be_waited_for(model: Model) -> None:
    assert not model.conversion.finished
    report = model.wait_for_conversion()
    assert (report.verified, report.parity[0].compared) == (True, 100)


def test_versions_are_found_listed_and_deleted(lab: Workspace, model: Model, tmp_path: Path) -> None:
    Model.register(lab, tmp_path / "m.pkl", "iris", environment="orris-sklearn", tags={"a": "b"})
    assert (Model(lab, "iris").version, Model(lab, "iris", 1).version, Model(lab, "iris:1").version) == (2, 1, 1)
    assert [each.id for each in Model.list(lab)] == ["iris:2", "iris:1"]
    assert [each.id for each in Model.list(lab, tags={"a": "b"})] == ["iris:2"]
    Model(lab, "iris", 2).delete()
    assert Model(lab, "iris").version == 1
    assert Model.list(lab, "none", latest=True) == []
    with pytest.raises(NotFound):
        Model(lab, "none")


def test_a_deployed_model_answers_with_and_without_changed_keys(
    server: FakeOrris, lab: Workspace, model: Model
) -> None:
    endpoint = Model.deploy(lab, "iris-svc", [model])
    endpoint.wait_for_deployment()
    assert (endpoint.state, endpoint.model_id) == ("Healthy", "iris:1")
    assert endpoint.run('{"data": [[1, 2], [3, 4]]}') == [3, 7]
    Endpoint(lab, "iris-svc").regen_key("Primary")
    assert endpoint.run({"data": [[1, 1]]}) == [2]
    with pytest.raises(ScoringFailed, match="400: data must be a list") as caught:
        endpoint.run(b'{"data": 3}')
    assert caught.value.status == 400
    assert endpoint.get_logs() == "serving\n"
    assert endpoint.serialize()["scoringUri"] == endpoint.scoring_uri


def test_a_deployment_that_fails_tells_why(
    server: FakeOrris, lab: Workspace, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    server.endpoints.error = "train.py, line 3: no module named lib"
    with pytest.raises(DeploymentFailed, match="line 3"):
        Model.deploy(lab, "iris-svc", [model]).wait_for_deployment(show_output=True)
    assert capsys.readouterr().out.splitlines()[0] == "Transitioning"


def test_what_cannot_be_deployed_is_said_before_it_is_tried(server: FakeOrris, lab: Workspace, model: Model) -> None:
    with pytest.raises(InvalidArgument, match="inference_config"):
        Model.deploy(lab, "iris-svc", [model], inference_config=object())
    with pytest.raises(InvalidArgument, match="You must provide an InferenceConfig when deploying zero or multiple"):
        Model.deploy(lab, "iris-svc", [])
    assert server.called("CreateEndpoint") == []


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a scoring script below it, and a file that its ignore file names."""
    folder = tmp_path / "project"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "score.py").write_text("def init(): pass\ndef run(data): return data\n")
    (folder / "scaler.txt").write_text("2")
    (folder / "secret").write_text("not for others")
    (folder / ".amlignore").write_text("secret\n")
    return folder


def test_a_script_goes_with_its_folder_under_the_folders_name(
    server: FakeOrris, lab: Workspace, model: Model, project: Path
) -> None:
    environment = Environment("own", pip_packages=["numpy"])
    config = InferenceConfig("scripts/score.py", project, environment, {"WORKER_COUNT": 2})
    limits = Resources(cpus=0.5, memory="1GiB")
    endpoint = Model.deploy(lab, "iris-svc", [model], config, resources=limits, isolation="container")
    code = endpoint.message.code
    assert code.entry_script == endpoint.entry_script == "project/scripts/score.py"
    assert code.environment == "workspaces/lab/environments/own/versions/1"
    assert dict(code.environment_variables) == {"WORKER_COUNT": "2"}
    files = [entry.path for entry in lab.transfer.entries(code.snapshot)]
    assert sorted(files) == ["project/.amlignore", "project/scaler.txt", "project/scripts/score.py"]
    assert list(endpoint.message.model_versions) == [model.resource_name]
    assert (endpoint.message.resources.cpus, endpoint.message.resources.memory_bytes) == (0.5, 2**30)
    shown = endpoint.serialize()
    assert (shown["modelIds"], shown["isolation"]) == (["iris:1"], "container")
    assert (shown["entryScript"], shown["resources"]) == (code.entry_script, {"cpus": 0.5, "memory": 2**30})


def test_a_script_alone_is_its_only_file(server: FakeOrris, lab: Workspace, project: Path) -> None:
    endpoint = Model.deploy(lab, "svc", [], InferenceConfig(project / "scripts" / "score.py", environment=None))
    code = endpoint.message.code
    assert ([entry.path for entry in lab.transfer.entries(code.snapshot)], code.environment) == (["score.py"], "")
    assert (endpoint.model_ids, endpoint.model_id) == ([], "")


def test_a_named_environment_is_that_version(server: FakeOrris, lab: Workspace, project: Path) -> None:
    Environment("own", pip_packages=["numpy"]).register(lab)
    Environment("own", pip_packages=["scipy"]).register(lab)
    for name, version in (("own", "2"), ("own:1", "1")):
        endpoint = Model.deploy(lab, "svc", [], InferenceConfig("scripts/score.py", project, name), overwrite=True)
        assert endpoint.message.code.environment == f"workspaces/lab/environments/own/versions/{version}"
    with pytest.raises(NotFound):
        Model.deploy(lab, "other", [], InferenceConfig("scripts/score.py", project, "none"))


@pytest.mark.parametrize(
    ("script", "folder", "message"),
    [
        ("scripts/none.py", True, "is no file"),
        ("none.py", False, "is no file"),
        ("scaler.txt", True, "is no Python file"),
        ("../outside.py", True, "lies outside of"),
        ("ignored.py", True, "named in the folder's ignore file"),
        ("big.py", True, "larger than"),
    ],
)
def test_a_script_that_cannot_be_served_is_refused_before_it_is_sent(
    server: FakeOrris, lab: Workspace, project: Path, script: str, folder: bool, message: str
) -> None:
    (project.parent / "outside.py").write_text("")
    (project / "ignored.py").write_text("")
    (project / ".amlignore").write_text("ignored.py\n")
    (project / "big.py").write_text("#" * (1024 * 1024 + 1))
    with pytest.raises(InvalidArgument, match=message):
        Model.deploy(lab, "svc", [], InferenceConfig(script, project if folder else None))
    assert server.called("CreateEndpoint") == []


def test_limits_are_the_models_unless_the_deployment_has_some(lab: Workspace, tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"pickled")
    own = ResourceConfiguration(cpu=1, memory_in_gb=0.5)
    model = Model.register(
        lab, tmp_path / "m.pkl", "iris", environment="orris-sklearn", model_framework="ScikitLearn",
        resource_configuration=own,
    )  # fmt: skip
    found = Model.deploy(lab, "iris-svc", [model]).message.resources
    assert (found.cpus, found.memory_bytes) == (1, 2**29)
    found = Model.deploy(lab, "iris-svc", [model], resources=Resources(cpus=2), overwrite=True).message.resources
    assert (found.cpus, found.memory_bytes) == (2, 0)


def test_an_existing_endpoint_needs_overwrite(lab: Workspace, model: Model) -> None:
    Model.deploy(lab, "iris-svc", [model], auth_enabled=False)
    with pytest.raises(AlreadyExists):
        Model.deploy(lab, "iris-svc", [model])
    assert Model.deploy(lab, "iris-svc", [model], overwrite=True).auth_enabled
    Endpoint(lab, "iris-svc").delete()
    assert lab.endpoints == {}


def test_workspaces_are_made_and_found(server: FakeOrris) -> None:
    assert Workspace.create("new").name == "new"
    with pytest.raises(AlreadyExists):
        Workspace.create("new")
    assert Workspace.create("new", exist_ok=True).name == "new"
    assert [each.name for each in Workspace.list()] == ["lab", "new"]
    with pytest.raises(NotFound):
        Workspace.get("none")
