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
    Model,
    ResourceConfiguration,
    ScriptRunConfig,
    Workspace,
)
from orris.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, Unavailable, Unimplemented
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
    with pytest.raises(Unimplemented, match="inference_config"):
        Model.deploy(lab, "iris-svc", [model], inference_config=object())
    with pytest.raises(InvalidArgument, match="one model"):
        Model.deploy(lab, "iris-svc", [])
    assert server.called("CreateEndpoint") == []


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
