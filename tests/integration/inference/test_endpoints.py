# ruff: noqa: ASYNC110 - a test that waits for a state looks at it as a user would
"""From a registered model to answers, and back after a restart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from orris.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.inference.v2 import open_inference_pb2 as v2
from orris.models.v1 import models_pb2
from orris_kit.auth import Role
from tests.integration.inference.conftest import Installation

E = inference_pb2.Endpoint
NAME = "workspaces/lab/endpoints/iris"
X, Y = load_iris(return_X_y=True)
ROWS = X[::10].tolist()


@pytest.fixture(scope="module")
def model() -> SVC:
    return SVC(probability=True, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def graph(model: SVC) -> bytes:
    return converted(model)


def converted(model: Any) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    made = to_onnx(
        model, initial_types=[("X", DoubleTensorType([None, 4]))], options={"zipmap": False},
        target_opset={"": 18, "ai.onnx.ml": 3},
    )  # fmt: skip
    renamed = {made.graph.output[0].name: "predict", made.graph.output[1].name: "predict_proba"}
    for node in made.graph.node:
        node.output[:] = [renamed.get(name, name) for name in node.output]
        node.input[:] = [renamed.get(name, name) for name in node.input]
    for output in made.graph.output:
        output.name = renamed[output.name]
    return bytes(made.SerializeToString())


def infer_request(rows: Any, *outputs: str) -> v2.ModelInferRequest:
    array = np.asarray(rows, "<f8")
    tensor = v2.ModelInferRequest.InferInputTensor(name="X", datatype="FP64", shape=array.shape)
    wanted = [v2.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in outputs]
    return v2.ModelInferRequest(
        model_name="iris", id="7", inputs=[tensor], outputs=wanted, raw_input_contents=[array.tobytes()]
    )


async def test_a_verified_model_is_served_as_onnx(installation: Installation, model: SVC, graph: bytes) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model, graph=graph))
    assert (endpoint.state, endpoint.backend, endpoint.error) == (E.STATE_HEALTHY, E.BACKEND_ONNX, "")
    assert list(endpoint.methods) == ["predict_proba", "predict"]
    answer = await installation.score(endpoint, {"data": ROWS})
    assert answer.status_code == 200, answer.text
    assert np.allclose(answer.json(), model.predict_proba(ROWS), atol=1e-5)
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) > 0
    predicted = await installation.score(endpoint, {"data": ROWS, "method": "predict"})
    assert predicted.json() == model.predict(ROWS).tolist()
    key = await installation.key()
    metadata = (("authorization", f"Bearer {key}"),)
    response = await installation.v2.ModelInfer(infer_request(ROWS), metadata=metadata)
    assert [output.name for output in response.outputs] == ["predict", "predict_proba"]
    assert response.id == "7"
    assert np.frombuffer(response.raw_output_contents[0], "<i8").tolist() == model.predict(ROWS).tolist()
    assert installation.models.users[endpoint.model_version] == {NAME}
    assert not installation.runs.runs


async def test_another_model_is_served_by_a_replica(installation: Installation, model: SVC) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model))
    assert (endpoint.state, endpoint.backend) == (E.STATE_HEALTHY, E.BACKEND_REPLICA), endpoint.error
    assert endpoint.replica in installation.runs.running()
    answer = await installation.score(endpoint, {"data": ROWS})
    assert np.allclose(answer.json(), model.predict_proba(ROWS))
    response = await installation.v2.ModelInfer(
        infer_request(ROWS, "predict"), metadata=(("authorization", f"Bearer {await installation.key()}"),)
    )
    assert np.frombuffer(response.raw_output_contents[0], "<i8").tolist() == model.predict(ROWS).tolist()
    refused = await installation.score(endpoint, {"data": [[1, 2]]})
    assert (refused.status_code, refused.json()["message"]) == (400, "data, row 0: has 2 values, the model takes 4")
    assert "Serving sklearn.svm" in await installation.log()


async def test_what_an_endpoint_is_asked_is_counted_and_compared_with_the_sample(
    installation: Installation, model: SVC, graph: bytes
) -> None:
    await installation.start()
    sample = json.dumps(X.tolist())
    endpoint = await installation.deploy(installation.register(model, graph=graph, sample_input_json=sample))
    await installation.score(endpoint, {"data": X.tolist()})
    metadata = (("authorization", f"Bearer {await installation.key()}"),)
    await installation.v2.ModelInfer(infer_request(np.add(X, (0, 0, 0, 9))), metadata=metadata)
    await installation.score(endpoint, {"data": [[1]]})
    await installation.score(endpoint, {"data": ROWS}, key="stranger")
    async with asyncio.timeout(10):
        while (found := await statistics(installation)).compared_rows < 2 * len(X):
            await asyncio.sleep(0.05)
    assert found.requests == 4
    assert {each.code: each.count for each in found.errors} == {"INVALID_ARGUMENT": 1, "UNAUTHENTICATED": 1}
    assert found.window_errors == 2
    assert found.latency_p99.ToNanoseconds() >= found.latency_p50.ToNanoseconds() > 0
    assert found.sample_rows == len(X)
    assert [each.column for each in found.columns] == ["0", "1", "2", "3"]
    assert [each.stability_index > 0.25 for each in found.columns] == [False, False, False, True]
    await installation.stop()
    await installation.start()
    async with asyncio.timeout(10):
        while (again := await statistics(installation)).sample_rows == 0:
            await asyncio.sleep(0.05)
    for field in ("count_begin_time", "requests", "errors", "columns", "compared_rows"):
        assert getattr(again, field) == getattr(found, field), f"{field}: it goes on after a restart"


async def statistics(installation: Installation) -> inference_pb2.EndpointStatistics:
    request = inference_service_pb2.GetEndpointStatisticsRequest(name=NAME)
    found: inference_pb2.EndpointStatistics = (await installation.endpoints.GetEndpointStatistics(request)).statistics
    return found


async def test_what_was_healthy_answers_again_after_a_restart(
    installation: Installation, model: SVC, graph: bytes
) -> None:
    await installation.start()
    first = await installation.deploy(installation.register(model))
    second = await installation.deploy(installation.register(model, name="fast", graph=graph), "fast")
    await installation.stop()
    await installation.start()
    for endpoint in (first, second):
        again = await installation.settled(endpoint.name)
        assert again == await installation.get(endpoint.name)
        assert (again.state, again.scoring_uri) == (E.STATE_HEALTHY, endpoint.scoring_uri)
        assert (await installation.score(again, {"data": ROWS})).status_code == 200
    assert (await installation.get(first.name)).replica == first.replica  # adopted, not started again
    assert len(installation.runs.runs) == 1


async def test_a_replica_that_ends_is_started_again(installation: Installation, model: SVC) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model))
    installation.runs.processes[endpoint.replica].kill()
    async with asyncio.timeout(10):
        while (again := await installation.get()).replica == endpoint.replica or again.state != E.STATE_HEALTHY:
            await asyncio.sleep(0.05)
    assert (await installation.score(again, {"data": ROWS})).status_code == 200


async def test_the_failing_line_of_the_users_code_is_in_the_error(installation: Installation, model: SVC) -> None:
    source = {"train.py": "import helpers_of_mine\n", "helpers_of_mine.py": "raise RuntimeError('broken here')\n"}
    await installation.start()
    content = b"chelpers_of_mine\nThing\n."
    endpoint = await installation.deploy(installation.register(model, content=content, source=source))
    assert endpoint.state == E.STATE_FAILED
    assert 'helpers_of_mine.py", line 1' in endpoint.error
    assert "broken here" in await installation.log()


async def test_an_endpoint_without_room_says_what_it_waits_for(installation: Installation, model: SVC) -> None:
    await installation.start()
    installation.runs.room = False
    endpoint = await installation.deploy(installation.register(model), wait=False)
    async with asyncio.timeout(5):
        while (endpoint := await installation.get()).state != E.STATE_UNSCHEDULABLE:
            await asyncio.sleep(0.05)
    assert endpoint.error == "waits for a free slot of the pool local"
    assert (await installation.score(endpoint, {"data": ROWS})).status_code == 503


async def test_no_request_fails_while_a_replica_replaces_another(installation: Installation, model: SVC) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model))
    other = SVC(probability=True, random_state=0, C=0.01).fit(X, Y)
    done, statuses = asyncio.Event(), []

    async def ask() -> None:
        while not done.is_set():
            statuses.append((await installation.score(endpoint, {"data": ROWS})).status_code)

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    second = await installation.deploy(installation.register(other, version=2), overwrite=True)
    await asyncio.sleep(0.3)
    done.set()
    await asyncio.gather(*asking)
    assert len(statuses) > 10
    assert set(statuses) == {200}
    assert second.state == E.STATE_HEALTHY
    answer = await installation.score(endpoint, {"data": ROWS})
    assert np.allclose(answer.json(), other.predict_proba(ROWS))
    async with asyncio.timeout(5):
        while installation.runs.running() != [second.replica] or installation.models.users[endpoint.model_version]:
            await asyncio.sleep(0.05)


async def test_deleting_ends_the_replica_and_releases_the_model(installation: Installation, model: SVC) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model))
    await installation.endpoints.DeleteEndpoint(inference_service_pb2.DeleteEndpointRequest(name=NAME))
    assert not installation.models.users[endpoint.model_version], "the model may be deleted at once"
    assert (await installation.score(endpoint, {"data": ROWS})).status_code == 404
    async with asyncio.timeout(5):
        while installation.runs.running():
            await asyncio.sleep(0.05)
    with pytest.raises(NotFound):
        await installation.get()


async def test_a_deployment_waits_for_the_conversion(installation: Installation, model: SVC, graph: bytes) -> None:
    await installation.start()
    name = installation.register(model, graph=graph)
    version = installation.models.versions[name]
    version.conversion.state = models_pb2.Conversion.STATE_RUNNING
    endpoint = await installation.deploy(name, wait=False)
    assert endpoint.state == E.STATE_TRANSITIONING
    await asyncio.sleep(0.1)
    assert (await installation.get()).state == E.STATE_TRANSITIONING
    version.conversion.state = models_pb2.Conversion.STATE_VERIFIED
    installation.models.set(version)
    assert (await installation.settled()).backend == E.BACKEND_ONNX
    assert "Waiting for the conversion" in await installation.log()


async def test_creating_twice_with_a_request_id_deploys_once(
    installation: Installation, model: SVC, graph: bytes
) -> None:
    await installation.start()
    name = installation.register(model, graph=graph)
    first = await installation.deploy(name, request_id="one")
    assert await installation.deploy(name, request_id="one") == first
    with pytest.raises(AlreadyExists, match="overwrite"):
        await installation.deploy(name, request_id="two")
    with pytest.raises(InvalidArgument, match="another request"):
        await installation.deploy(name, request_id="one", description="other")


async def test_only_models_with_known_frameworks_are_deployed(installation: Installation, model: SVC) -> None:
    await installation.start()
    name = installation.register(model, framework=models_pb2.FRAMEWORK_PYTORCH)
    with pytest.raises(InvalidArgument, match=r"model_framework set to PyTorch\. Default environments"):
        await installation.deploy(name)
    with pytest.raises(InvalidArgument, match="another workspace"):
        await installation.deploy("workspaces/other/models/m/versions/1")


async def test_who_may_ask(installation: Installation, model: SVC, graph: bytes) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model, graph=graph))
    body, uri = {"data": ROWS}, endpoint.scoring_uri
    missing = await installation.http.post(uri, json=body)
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, "Bearer")
    for key, status in (
        ("wrong", 401),
        ("\xff", 401),
        (installation.token(workspace="other"), 403),
        (installation.token(Role.RUN), 403),
        (await installation.key(), 200),
    ):
        headers = [(b"Authorization", f"Bearer {key}".encode("latin-1"))]
        assert (await installation.http.post(uri, json=body, headers=headers)).status_code == status, key
    with pytest.raises(Unauthenticated):
        await installation.v2.ModelInfer(infer_request(ROWS))
    old = await installation.key()
    request = inference_service_pb2.RegenerateEndpointKeyRequest(name=NAME, key=inference_service_pb2.KEY_NAME_PRIMARY)
    await installation.endpoints.RegenerateEndpointKey(request)
    assert (await installation.score(endpoint, body, old)).status_code == 401
    assert (await installation.score(endpoint, body, await installation.key())).status_code == 200


async def test_without_keys_callers_of_this_machine_are_answered(
    installation: Installation, model: SVC, graph: bytes
) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model, graph=graph), auth_enabled=False)
    assert (await installation.http.post(endpoint.scoring_uri, json={"data": ROWS})).status_code == 200
    assert (await installation.v2.ModelInfer(infer_request(ROWS))).model_version == "1"


async def test_the_protocol_over_rest(installation: Installation, model: SVC, graph: bytes) -> None:
    await installation.start()
    endpoint = await installation.deploy(installation.register(model, graph=graph), auth_enabled=False)
    base = endpoint.scoring_uri.partition("/api")[0]
    described = (await installation.http.get(f"{base}/v2/models/iris")).json()
    assert described["inputs"] == [{"name": "X", "datatype": "FP64", "shape": [-1, 4]}]
    body = {"id": "a", "inputs": [{"name": "X", "datatype": "FP64", "shape": [2, 4], "data": ROWS[:2]}]}
    answer = (await installation.http.post(f"{base}/v2/models/iris/infer", json=body)).json()
    assert answer["outputs"][0] == {"name": "predict", "datatype": "INT64", "shape": [2], "data": [0, 0]}
    body["inputs"][0]["shape"] = [3, 4]  # type: ignore[index]
    wrong = await installation.http.post(f"{base}/v2/models/iris/infer", json=body)
    assert (wrong.status_code, "8 values" in wrong.json()["error"]) == (400, True)
    assert (await installation.http.get(f"{base}/v2/models/iris/versions/9/ready")).status_code == 404
    assert (await installation.http.get(f"{base}/")).text == "Healthy"
    swagger = (await installation.http.get(endpoint.swagger_uri)).json()
    schema = swagger["paths"]["/score"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (await installation.score(endpoint, schema["example"])).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "not JSON"),
        (b"[" * 100_000, 400, "not JSON"),
        ({"data": []}, 400, "at least one"),
        ({"data": [[1, 2, 3, "x"]]}, 400, "row 0, column 3"),
        ({"data": [[1, 2, 3, None]]}, 400, "missing"),
        ({"data": [[1, 2, 3, float("nan")]]}, 400, "missing"),
        ({"data": [[1, 2, 3, float("inf")]]}, 400, "finite"),
        ({"data": [[1, 2, 3, 10**400]]}, 400, "too large"),
        ({"data": [[1, 2, 3, 4]], "method": "__class__"}, 400, "predict_proba, predict"),
        ({"data": [[1, 2, 3, 4]], "method": {}}, 400, "method"),
        (b" " * 3000, 413, "larger than 2000"),
    ],
)
async def test_hostile_requests_are_refused(
    installation: Installation, model: SVC, graph: bytes, body: Any, status: int, told: str
) -> None:
    await installation.start(max_body_bytes=200_000 if body == b"[" * 100_000 else 2000)
    endpoint = await installation.deploy(installation.register(model, graph=graph))
    answer = await installation.score(endpoint, body)
    assert (answer.status_code, told in answer.json()["message"]) == (status, True), answer.text
    assert answer.headers["x-ms-request-id"]
