# ruff: noqa: ASYNC110 - a test that waits for a state looks at it as a user would
"""From a user's scoring script to answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sklearn.datasets import load_iris
from sklearn.svm import SVC

from orris.errors import InvalidArgument, NotFound, OrrisError
from orris.inference.v1 import inference_pb2, inference_service_pb2
from orris.inference.v2 import open_inference_pb2 as v2
from orris.runs.v1 import runs_pb2
from tests.integration.inference.conftest import IMAGE, Installation

E = inference_pb2.Endpoint
WORKSPACE = "workspaces/lab"
X, Y = load_iris(return_X_y=True)
SCRIPT = """
import json, os
import joblib
from azureml.core.model import Model

def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))
    assert Model.get_model_path("iris", 1) == os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib")
    print("environment", os.environ["SERVICE_NAME"], os.environ.get("MINE"), os.environ.get("FROM_ENVIRONMENT"))

def run(raw_data):
    print("asked")
    return model.predict(json.loads(raw_data)["rows"]).tolist()
"""
ECHO = (
    "import os\ndef init(): pass\ndef run(data): return [data, sorted(os.listdir(os.environ['AZUREML_MODEL_DIR']))]\n"
)
RAW = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

def init():
    pass

@rawhttp
def run(request):
    assert isinstance(request, AMLRequest)
    if request.method == "OPTIONS":
        return AMLResponse("", 204, {"Access-Control-Allow-Origin": "*"})
    if "failed" in request.args:
        return AMLResponse({"why": "mine"}, 503, json_str=True)
    said = "%s %s %s" % (request.method, request.full_path, request.headers.get("authorization"))
    response = AMLResponse(said.encode() + request.get_data(), 201, {"Content-Type": "image/png"})
    response.headers["x-mine"] = "yes"
    return response
"""


@pytest.fixture(scope="module")
def model() -> SVC:
    return SVC(random_state=0).fit(X, Y)


async def logged(installation: Installation, text: str) -> None:
    """Wait until the endpoint's log has a text: what a replica says comes after that it answers."""
    async with asyncio.timeout(10):
        while text not in await installation.log():
            await asyncio.sleep(0.05)


async def test_a_script_answers_with_its_model_in_the_models_environment(
    installation: Installation, model: SVC
) -> None:
    await installation.start()
    name = installation.register(model)
    code = installation.code({"source/score.py": SCRIPT}, environment_variables={"MINE": "1"})
    endpoint = await installation.deploy(name, code=code)
    assert (endpoint.state, endpoint.backend, endpoint.error) == (E.STATE_HEALTHY, E.BACKEND_CODE, "")
    assert (endpoint.model_version, list(endpoint.model_versions), endpoint.v2_model_name) == (name, [name], "")
    assert endpoint.code == code
    run = installation.runs.runs[endpoint.replica]
    assert (run.image, run.environment) == (IMAGE, "")
    answer = await installation.score(endpoint, {"rows": X[:2].tolist()})
    assert (answer.status_code, answer.json()) == (200, model.predict(X[:2]).tolist())
    assert float(answer.headers["x-ms-run-fn-exec-ms"]) > 0
    assert installation.models.users[name] == {endpoint.name}
    await logged(installation, "environment iris 1 None")
    await logged(installation, "asked")
    failed = await installation.score(endpoint, {"wrong": 1})
    assert failed.status_code == 500
    assert "Check the logs" in failed.json()["message"]
    assert failed.headers["x-ms-run-function-failed"] == "True"
    await logged(installation, "KeyError: 'rows'")


async def test_scripts_need_no_model_and_may_have_several(installation: Installation, model: SVC) -> None:
    await installation.start()
    code = installation.code({"score.py": ECHO})
    endpoint = await installation.deploy(code=code)
    assert (endpoint.state, list(endpoint.model_versions)) == (E.STATE_HEALTHY, [])
    assert (await installation.score(endpoint, "text")).json() == ["text", []]
    models = [installation.register(model, name=name) for name in ("a", "b")]
    endpoint = await installation.deploy(code=code, model_versions=models, overwrite=True)
    assert (endpoint.state, endpoint.model_version) == (E.STATE_HEALTHY, "")
    assert (await installation.score(endpoint, "text")).json() == ["text", ["a", "b"]]
    run = installation.runs.runs[endpoint.replica]
    assert run.environment == f"{WORKSPACE}/environments/orris-inference/versions/1"
    assert [installation.models.users[each] for each in models] == [{endpoint.name}] * 2
    await installation.endpoints.DeleteEndpoint(inference_service_pb2.DeleteEndpointRequest(name=endpoint.name))
    async with asyncio.timeout(10):
        while any(installation.models.users[each] for each in models) or installation.artifacts.references:
            await asyncio.sleep(0.05)


async def test_the_source_is_kept_while_the_endpoint_is_there(installation: Installation, model: SVC) -> None:
    await installation.start()
    name = installation.register(model)
    first = installation.code({"score.py": SCRIPT})
    second = installation.code({"other.py": SCRIPT})
    await installation.deploy(name, code=first)
    assert list(installation.artifacts.references.values()) == [[first.snapshot]]
    await installation.deploy(name, code=second, overwrite=True)
    async with asyncio.timeout(10):
        while list(installation.artifacts.references.values()) != [[second.snapshot]]:
            await asyncio.sleep(0.05)


async def test_requests_and_responses_pass_as_they_are(installation: Installation) -> None:
    await installation.start()
    endpoint = await installation.deploy(code=installation.code({"score.py": RAW}), auth_enabled=False)
    ask = installation.http.request
    answer = await ask("POST", f"{endpoint.scoring_uri}?a=1", content=b"\x00\xff", headers={"Authorization": "Mine x"})
    assert (answer.status_code, answer.content) == (201, b"POST /score?a=1 Mine x\x00\xff")
    assert (answer.headers["content-type"], answer.headers["x-mine"]) == ("image/png", "yes")
    assert (await ask("GET", endpoint.scoring_uri)).content == b"GET /score? None"
    preflight = await ask("OPTIONS", endpoint.scoring_uri)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    failed = await ask("POST", f"{endpoint.scoring_uri}?failed=1")
    assert (failed.status_code, failed.json()) == (503, {"why": "mine"})
    assert failed.headers["x-ms-run-function-failed"] == "True"
    too_long = await ask("POST", endpoint.scoring_uri, headers={"x-request-id": "x" * 101})
    assert too_long.status_code == 431
    told = await ask("GET", endpoint.scoring_uri, headers={"x-ms-client-request-id": "mine", "x-request-id": "r"})
    ids = [told.headers[name] for name in ("x-request-id", "x-ms-request-id", "x-ms-client-request-id")]
    assert ids == ["r", "r", "mine"]


async def test_the_key_of_an_endpoint_is_not_shown_to_its_script(installation: Installation) -> None:
    await installation.start()
    endpoint = await installation.deploy(code=installation.code({"score.py": RAW}))
    key = await installation.key()
    assert (await installation.score(endpoint, b"", key)).content == b"POST /score? None"
    assert (await installation.http.post(endpoint.scoring_uri)).status_code == 401
    assert (await installation.http.options(endpoint.scoring_uri)).status_code == 401


async def test_too_large_a_body_is_refused(installation: Installation) -> None:
    await installation.start(max_body_bytes=2000)
    endpoint = await installation.deploy(code=installation.code({"score.py": RAW}))
    assert (await installation.score(endpoint, b"x" * 2001)).status_code == 413
    assert (await installation.score(endpoint, b"x" * 2000)).status_code == 201


async def test_a_script_is_no_model_of_the_v2_protocol(installation: Installation) -> None:
    await installation.start()
    endpoint = await installation.deploy(code=installation.code({"score.py": RAW}))
    key = {"Authorization": f"Bearer {await installation.key()}"}
    base = endpoint.scoring_uri.partition("/api/")[0]
    for verb, path in (("GET", ""), ("GET", "/ready"), ("POST", "/infer")):
        answer = await installation.http.request(verb, f"{base}/v2/models/iris{path}", headers=key)
        assert answer.status_code == 404
        assert "scoring script" in answer.json()["error"]
    metadata = (("authorization", key["Authorization"]),)
    calls: tuple[tuple[Any, Any], ...] = (
        (installation.v2.ModelInfer, v2.ModelInferRequest(model_name="iris")),
        (installation.v2.ModelMetadata, v2.ModelMetadataRequest(name="iris")),
        (installation.v2.ModelReady, v2.ModelReadyRequest(name="iris")),
    )
    for call, request in calls:
        with pytest.raises(NotFound, match="scoring script"):
            await call(request, metadata=metadata)


async def test_a_failing_init_fails_the_deployment_with_its_line(installation: Installation) -> None:
    await installation.start()
    text = "def init():\n    raise RuntimeError('no such model')\ndef run(data): pass\n"
    endpoint = await installation.deploy(code=installation.code({"source/score.py": text}))
    assert endpoint.state == E.STATE_FAILED
    assert 'source/score.py", line 2, in init' in endpoint.error
    assert "RuntimeError: no such model" in await installation.log()


async def test_a_crash_is_a_restart(installation: Installation) -> None:
    await installation.start()
    text = "import os\ndef init(): pass\ndef run(data):\n    if data == 'exit': os._exit(1)\n    return data\n"
    endpoint = await installation.deploy(code=installation.code({"score.py": text}))
    gone = await installation.score(endpoint, b"exit")
    assert gone.status_code == 503
    async with asyncio.timeout(20):
        while (again := await installation.get()).replica == endpoint.replica or again.state != E.STATE_HEALTHY:
            await asyncio.sleep(0.05)
    assert (await installation.score(again, b"again")).json() == "again"
    assert len(installation.runs.runs) == 2


async def test_a_script_is_adopted_after_a_restart(installation: Installation) -> None:
    await installation.start()
    endpoint = await installation.deploy(code=installation.code({"score.py": RAW}))
    await installation.stop()
    await installation.start()
    again = await installation.settled()
    assert (again.state, again.replica) == (E.STATE_HEALTHY, endpoint.replica)
    assert (await installation.score(again, b"")).status_code == 201


async def test_the_environment_that_is_named_is_used(installation: Installation, model: SVC) -> None:
    await installation.start()
    name = installation.images.put("mine", "scikit-learn", FROM_ENVIRONMENT="mine", MINE="hidden")
    code = installation.code({"score.py": SCRIPT}, environment=name, environment_variables={"MINE": "1"})
    endpoint = await installation.deploy(installation.register(model), code=code)
    run = installation.runs.runs[endpoint.replica]
    assert (run.image, run.environment, endpoint.code.environment) == ("", name, name)


async def test_inference_schema_is_added_where_it_is_imported(installation: Installation, model: SVC) -> None:
    await installation.start()
    text = "try:\n    from inference_schema import nothing\nexcept ImportError:\n    pass\n" + SCRIPT
    named = installation.images.put("mine", "scikit-learn", FROM_ENVIRONMENT="mine")
    code = installation.code({"score.py": text}, environment=named)
    endpoint = await installation.deploy(installation.register(model), code=code)
    run = installation.runs.runs[endpoint.replica]
    assert (run.image, run.environment) == (f"{WORKSPACE}/images/mine-more", "")
    assert installation.images.packages[run.image] == ["scikit-learn", "inference-schema"]
    await logged(installation, "environment iris None mine")
    assert "Adding inference-schema" in await installation.log()
    has_it = installation.images.put("has", "inference-schema")
    code = installation.code({"score.py": text}, environment=has_it)
    endpoint = await installation.deploy(installation.register(model), code=code, overwrite=True)
    assert installation.runs.runs[endpoint.replica].environment == has_it


async def test_an_environment_that_cannot_be_made_fails_the_deployment(installation: Installation) -> None:
    await installation.start()
    name = installation.images.put("mine")
    installation.images.broken["mine"] = "no such package: scikit-lern"
    code = installation.code({"score.py": "import inference_schema\n"}, environment=name)
    endpoint = await installation.deploy(code=code)
    assert endpoint.state == E.STATE_FAILED
    assert "scikit-lern" in endpoint.error


async def test_limits_and_isolation_are_those_of_the_replica(installation: Installation, model: SVC) -> None:
    await installation.start()
    resources = runs_pb2.Resources(cpus=0.5, memory_bytes=2**30)
    asked: dict[str, Any] = {"resources": resources, "isolation": runs_pb2.ISOLATION_CONTAINER}
    kinds: tuple[dict[str, Any], ...] = (
        {"code": installation.code({"score.py": RAW})},
        {"model": installation.register(model)},
    )
    for fields in kinds:
        endpoint = await installation.deploy(overwrite=True, **fields, **asked)
        assert (endpoint.resources, endpoint.isolation) == (resources, runs_pb2.ISOLATION_CONTAINER)
        run = installation.runs.runs[endpoint.replica]
        assert (run.resources, run.isolation) == (resources, runs_pb2.ISOLATION_CONTAINER)


def code_of(**fields: Any) -> inference_pb2.ScoringCode:
    return inference_pb2.ScoringCode(**{"snapshot": f"{WORKSPACE}/trees/{'0' * 64}", "entry_script": "a.py", **fields})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"code": code_of(snapshot="x")}, "endpoint.code.snapshot"),
        ({"code": code_of(snapshot=f"workspaces/other/trees/{'0' * 64}")}, "another workspace"),
        ({"code": code_of(entry_script="../a.py")}, "a path stays in its tree"),
        ({"code": code_of(entry_script="/a.py")}, "is absolute"),
        ({"code": code_of(entry_script="a.ipynb")}, "is no Python file"),
        ({"code": code_of(environment="x")}, "endpoint.code.environment"),
        ({"code": code_of(environment=f"{WORKSPACE}/environments/a")}, "name a version"),
        ({"code": code_of(environment="workspaces/other/environments/a/versions/1")}, "another workspace"),
        ({"code": code_of(environment_variables={"a b": ""})}, "is no name of a variable"),
        ({"code": code_of(environment_variables={"AZUREML_MODEL_DIR": "/"})}, "is set by Orris"),
        ({"code": code_of(environment_variables={"ORRIS_REPLICA_SECRET": "x"})}, "is set by Orris"),
        ({"code": code_of(environment_variables={"WORKER_COUNT": "0"})}, "WORKER_COUNT must be a whole number from 1"),
        ({"code": code_of(environment_variables={"BIG": "x" * 200_000})}, "bytes together"),
        ({"code": code_of(), "model_versions": ["x"]}, "endpoint.model_versions"),
        ({"code": code_of(), "model_versions": ["workspaces/other/models/a/versions/1"]}, "another workspace"),
        ({"model": f"{WORKSPACE}/models/a/versions/1", "model_versions": ["x"]}, "several models need `code`"),
        ({"code": code_of(), "resources": runs_pb2.Resources(cpus=-1)}, "endpoint.resources.cpus"),
        ({"code": code_of(), "resources": runs_pb2.Resources(cpus=float("nan"))}, "endpoint.resources.cpus"),
        ({"code": code_of(), "isolation": 99}, "endpoint.isolation"),
    ],
)
async def test_what_cannot_be_deployed_is_refused(
    installation: Installation, fields: dict[str, Any], message: str
) -> None:
    await installation.start()
    with pytest.raises(InvalidArgument, match=message):
        await installation.deploy(**fields)


async def test_what_is_not_there_is_refused_and_changes_nothing(installation: Installation) -> None:
    await installation.start()
    code = installation.code({"score.py": RAW})
    for fields, message in (
        ({"code": code_of(snapshot=code.snapshot, entry_script="other.py")}, "no file 'other.py'"),
        ({"code": code_of(snapshot=code.snapshot, entry_script="score.py",
                          environment=f"{WORKSPACE}/environments/none/versions/1")}, "no such environment"),
        ({"code": code, "model_versions": [f"{WORKSPACE}/models/none/versions/1"]}, "no such model"),
    ):  # fmt: skip
        with pytest.raises(OrrisError, match=message):
            await installation.deploy(**fields)
    listed = await installation.endpoints.ListEndpoints(inference_service_pb2.ListEndpointsRequest(parent=WORKSPACE))
    assert not listed.endpoints
    assert not installation.artifacts.references
