"""Registration over gRPC: from runs and from trees, kept before it is acknowledged."""

from __future__ import annotations

from typing import Any

import pytest

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, PermissionDenied
from orris.models.v1 import models_pb2, models_service_pb2
from orris.runs.v1 import runs_pb2
from orris_models.program import PACKAGES
from tests.fakes.models_neighbours import IMAGE
from tests.integration.models.conftest import LAB, RUN, SKLEARN, Neighbourhood


async def paths(around: Neighbourhood, tree: str) -> list[str]:
    return [file.path for file in await around.artifacts.files(tree)]


async def test_a_file_of_a_run_is_registered_with_where_it_came_from(around: Neighbourhood) -> None:
    await around.finished_run(outputs__model_dot_joblib=b"model", outputs__other=b"x")
    made = await around.create(run=RUN, run_path="outputs/model.joblib", tags={"k": "v"})
    assert made.name == f"{LAB}/models/iris/versions/1"
    assert (made.file, made.size, await paths(around, made.tree)) == ("model.joblib", 5, ["model.joblib"])
    assert (made.run, made.experiment, made.script) == (RUN, f"{LAB}/experiments/e", "train.py")
    assert (made.image, made.created_by) == (IMAGE, "ada")
    assert made.conversion.state == models_pb2.Conversion.STATE_NOT_APPLICABLE
    assert await around.referenced(made.name) == {made.tree, made.snapshot}


async def test_a_folder_of_a_run_is_registered_by_the_paths_in_it(around: Neighbourhood) -> None:
    await around.finished_run(outputs__m__model_dot_pkl=b"model", outputs__m__cols_dot_json=b"[]")
    made = await around.create(run=RUN, run_path="outputs/m/")
    assert (await paths(around, made.tree), made.file) == (["cols.json", "model.pkl"], "")


async def test_without_a_path_the_models_id_is_looked_for(around: Neighbourhood) -> None:
    await around.finished_run(iris=b"model")
    assert (await around.create(run=RUN)).file == "iris"


async def test_a_path_that_was_not_kept_names_what_was_and_what_was_left_behind(around: Neighbourhood) -> None:
    await around.finished_run(left_behind=("sub/model.joblib",), outputs__a=b"a", logs__b=b"b")
    with pytest.raises(FailedPrecondition) as refused:
        await around.create(run=RUN, run_path="outputs/model.joblib")
    assert refused.value.reason == "PATH_NOT_KEPT"
    assert "logs/b, outputs/a" in refused.value.message
    assert "left 'sub/model.joblib' outside outputs/: save it under outputs/" in refused.value.message
    with pytest.raises(NotFound):
        await around.get(f"{LAB}/models/iris")


async def test_a_run_that_kept_nothing_says_so(around: Neighbourhood) -> None:
    await around.finished_run()
    with pytest.raises(FailedPrecondition, match="it kept nothing"):
        await around.create(run=RUN, run_path="outputs/model.joblib")


async def test_a_running_run_is_waited_for_except_by_itself(around: Neighbourhood) -> None:
    around.runs.put(runs_pb2.Run(name=RUN, state=runs_pb2.Run.STATE_RUNNING, image=IMAGE))
    with pytest.raises(FailedPrecondition) as refused:
        await around.create(run=RUN, run_path="outputs/model.joblib")
    assert refused.value.reason == "RUN_NOT_FINISHED"
    tree = await around.tree(model_dot_pkl=b"model")
    with pytest.raises(FailedPrecondition):
        await around.create(run=RUN, tree=tree)
    made = await around.create(token="run@lab@r1", tree=tree)
    assert (made.run, made.image, made.file) == (RUN, IMAGE, "model.pkl")


async def test_a_run_registers_nothing_for_another(around: Neighbourhood) -> None:
    await around.finished_run(outputs__model=b"m")
    with pytest.raises(PermissionDenied):
        await around.create(token="run@lab@r2", run=RUN, run_path="outputs/model")


async def test_scikit_learn_needs_an_image_and_onnx_does_not(around: Neighbourhood) -> None:
    tree = await around.tree(model_dot_onnx=b"graph")
    with pytest.raises(InvalidArgument) as refused:
        await around.create(tree=tree, framework=SKLEARN)
    assert refused.value.violations[0].field == "model_version.image"
    made = await around.create(tree=tree, framework=models_pb2.FRAMEWORK_ONNX)
    assert made.conversion.state == models_pb2.Conversion.STATE_NOT_APPLICABLE


async def test_the_version_in_the_environment_is_recorded_beside_the_claimed_one(around: Neighbourhood) -> None:
    tree = await around.tree(model_dot_pkl=b"model")
    made = await around.create(tree=tree, image=IMAGE, framework=SKLEARN, framework_version="0.19.1")
    assert (made.framework_version, made.recorded_framework_version) == ("0.19.1", "1.5.2")


async def test_what_is_referred_to_must_exist(around: Neighbourhood) -> None:
    tree = await around.tree(model_dot_pkl=b"model")
    cases: dict[str, dict[str, Any]] = {
        "RUN_NOT_FOUND": {"run": f"{LAB}/runs/none"},
        "TREE_NOT_FOUND": {"tree": f"{LAB}/trees/{'0' * 64}"},
        "IMAGE_NOT_FOUND": {"tree": tree, "image": f"{LAB}/images/none", "framework": SKLEARN},
    }
    for reason, content in cases.items():
        with pytest.raises(NotFound) as missing:
            await around.create(**content)
        assert missing.value.reason == reason


async def test_nothing_of_another_workspace_is_registered(around: Neighbourhood) -> None:
    for field in ("run", "tree", "image"):
        kind = {"run": "runs/r", "tree": f"trees/{'0' * 64}", "image": "images/i"}[field]
        with pytest.raises(InvalidArgument) as refused:
            await around.create(**{"run": RUN, field: f"workspaces/other/{kind}"})
        assert refused.value.violations[0].field == f"model_version.{field}"


async def test_a_retry_returns_the_first_result(around: Neighbourhood) -> None:
    tree = await around.tree(m=b"model")
    first = await around.create(tree=tree, request_id="once")
    assert await around.create(tree=tree, request_id="once") == first
    assert (await around.create(tree=tree)).name.endswith("/2")


async def test_a_deleted_version_lets_go_of_its_files(around: Neighbourhood) -> None:
    made = await around.create(tree=await around.tree(m=b"model"))
    assert await around.referenced(made.name)
    use = {"name": made.name, "user": f"{LAB}/endpoints/e"}
    services, users = around.stub("service@-"), around.stub()
    await services.SetModelUse(models_service_pb2.SetModelUseRequest(**use, in_use=True))
    delete = models_service_pb2.DeleteModelVersionRequest(name=made.name)
    with pytest.raises(FailedPrecondition) as refused:
        await users.DeleteModelVersion(delete)
    assert refused.value.reason == "MODEL_IN_USE"
    await services.SetModelUse(models_service_pb2.SetModelUseRequest(**use, in_use=False))
    await users.DeleteModelVersion(delete)
    assert await around.referenced(made.name) == set()


async def test_only_services_say_what_is_used(around: Neighbourhood) -> None:
    request = models_service_pb2.SetModelUseRequest(name=f"{LAB}/models/m/versions/1", user="u", in_use=True)
    with pytest.raises(PermissionDenied):
        await around.stub().SetModelUse(request)


async def test_lists_go_on_where_the_page_ended(around: Neighbourhood) -> None:
    tree = await around.tree(m=b"model")
    for model in ("a", "b", "b", "c"):
        await around.create(model_id=model, tree=tree)
    found, token = [], ""
    while True:
        request = models_service_pb2.ListModelVersionsRequest(parent=LAB, page_size=2, page_token=token)
        page = await around.stub().ListModelVersions(request)
        found += [each.name.removeprefix(f"{LAB}/models/") for each in page.model_versions]
        token = page.next_page_token
        if not token:
            break
    assert found == ["a/versions/1", "b/versions/2", "c/versions/1"]
    request = models_service_pb2.ListModelVersionsRequest(parent=f"{LAB}/models/b", page_size=1)
    page = await around.stub().ListModelVersions(request)
    with pytest.raises(InvalidArgument):
        elsewhere = models_service_pb2.ListModelVersionsRequest(parent=LAB, page_token=page.next_page_token)
        await around.stub().ListModelVersions(elsewhere)


@pytest.mark.parametrize("version", ["0", "x", "-1", "9" * 30, "1.5"])
async def test_a_version_is_a_number(around: Neighbourhood, version: str) -> None:
    with pytest.raises(InvalidArgument):
        await around.get(f"{LAB}/models/m/versions/{version}")


async def test_what_a_conversion_needs_can_be_made_before_there_is_a_model(around: Neighbourhood) -> None:
    answer = await around.stub().PrepareConversion(models_service_pb2.PrepareConversionRequest(image=IMAGE))
    assert answer.build == f"{LAB}/builds/b1"
    (request,) = around.images.overlays
    assert (request.overlay.image, tuple(request.overlay.pip_packages)) == (IMAGE, PACKAGES)


async def test_what_nothing_can_be_added_to_is_refused_beforehand(around: Neighbourhood) -> None:
    around.images.refusal = "nothing can be added to /opt/python"
    with pytest.raises(FailedPrecondition, match="/opt/python"):
        await around.stub().PrepareConversion(models_service_pb2.PrepareConversionRequest(image=IMAGE))
    with pytest.raises(InvalidArgument, match="image"):
        await around.stub().PrepareConversion(models_service_pb2.PrepareConversionRequest(image="no name"))
    with pytest.raises(PermissionDenied):
        await around.stub("user@other").PrepareConversion(models_service_pb2.PrepareConversionRequest(image=IMAGE))
