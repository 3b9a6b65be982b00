"""Everything can be done with grpcurl: the services describe themselves, and the scripts tell the story."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from google.protobuf.descriptor import ServiceDescriptor

from orris.artifacts.v1 import artifacts_service_pb2, data_service_pb2
from orris.images.v1 import images_service_pb2
from orris.inference.v1 import inference_service_pb2
from orris.inference.v2 import open_inference_pb2
from orris.models.v1 import models_service_pb2
from orris.runs.v1 import (
    agents_service_pb2,
    pools_service_pb2,
    runs_service_pb2,
    sweeps_service_pb2,
    workspaces_service_pb2,
)
from tests.e2e.conftest import environment_of

SCRIPTS = Path(__file__).parents[2] / "clients" / "grpcurl"
CONTRACTS = (
    artifacts_service_pb2,
    data_service_pb2,
    images_service_pb2,
    runs_service_pb2,
    agents_service_pb2,
    pools_service_pb2,
    sweeps_service_pb2,
    workspaces_service_pb2,
    models_service_pb2,
    inference_service_pb2,
    open_inference_pb2,
)
SERVICES: list[ServiceDescriptor] = [each for file in CONTRACTS for each in file.DESCRIPTOR.services_by_name.values()]

_AGENTS = "agents call it, under a lease that they hold"
NOT_IN_THE_STORY = {
    "orris.artifacts.v1.ArtifactService/SetReference": "services call it: they say what they need",
    "orris.artifacts.v1.ArtifactService/SetReferences": "services call it: they say what they need",
    "orris.artifacts.v1.ArtifactService/KeepFiles": "services call it: they say what they need",
    "orris.artifacts.v1.ArtifactService/DeleteReference": "services call it: they say what they need",
    "orris.images.v1.ImageService/SetReference": "services call it: they say what they need",
    "orris.images.v1.ImageService/DeleteReference": "services call it: they say what they need",
    "orris.models.v1.ModelService/SetModelUse": "services call it: inference says what it serves",
    "orris.runs.v1.AgentService/RegisterAgent": _AGENTS,
    "orris.runs.v1.AgentService/WatchLeases": _AGENTS,
    "orris.runs.v1.AgentService/RenewLeases": _AGENTS,
    "orris.runs.v1.AgentService/ReportRun": _AGENTS,
    "orris.runs.v1.AgentService/AppendRunLog": _AGENTS,
    "orris.runs.v1.AgentService/AppendRunEvents": _AGENTS,
    "orris.runs.v1.AgentService/AppendRunUsage": _AGENTS,
    "orris.runs.v1.AgentService/RecordRunDataset": _AGENTS,
    "orris.runs.v1.AgentService/FinishRun": _AGENTS,
    "orris.runs.v1.AgentService/ReturnRun": _AGENTS,
    "orris.runs.v1.AgentService/DrainAgent": "agents call it, when their machines are taken away",
}


def methods() -> list[str]:
    return [f"{service.full_name}/{method.name}" for service in SERVICES for method in service.methods]


def called(script: str) -> set[str]:
    """Return the methods that a script calls, its variables filled in."""
    services = dict(re.findall(r"^(\w+)=([\w.]+)$", script, re.MULTILINE))
    filled = re.sub(r"\$(\w+)(?=/)", lambda found: services.get(found[1], found[0]), script)
    code = re.sub(r"^#.*$", "", filled, flags=re.MULTILINE)
    return set(re.findall(r"\bcall ([\w.]+/\w+)", code))


def test_the_scripts_call_every_method_or_it_is_said_why_not() -> None:
    story = set().union(*(called(path.read_text()) for path in SCRIPTS.glob("*.sh")))
    assert story | NOT_IN_THE_STORY.keys() == set(methods())
    assert not story & NOT_IN_THE_STORY.keys()


def grpcurl(home: Path, *arguments: str, code: int = 0) -> str:
    instance = json.loads((home / "instance.json").read_text())
    token = Path(instance["token_file"]).read_text().strip()
    # Long enough to answer, short enough to end a watch.
    options = ("-plaintext", "-max-time", "10", "-H", f"authorization: Bearer {token}")
    before = [each for each in arguments if each.startswith(("-d", "{"))]
    after = [each for each in arguments if each not in before]
    done = subprocess.run(
        ["grpcurl", *options, *before, instance["address"], *after], capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) == (code == 0), done.stderr
    return done.stdout + done.stderr


@pytest.mark.needs("grpcurl")
def test_every_service_is_listed(home: Path) -> None:
    listed = set(grpcurl(home, "list").split())
    assert {service.full_name for service in SERVICES} <= listed
    assert "grpc.health.v1.Health" in listed


@pytest.mark.needs("grpcurl")
@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.full_name)
def test_every_method_is_described(home: Path, service: ServiceDescriptor) -> None:
    described = grpcurl(home, "describe", service.full_name)
    for method in service.methods:
        assert re.search(rf"rpc {method.name} \(.*\.{method.input_type.full_name} \)", described)


@pytest.mark.needs("grpcurl")
@pytest.mark.parametrize("method", methods())
def test_every_method_answers_through_reflection_and_refuses_what_it_must(home: Path, method: str) -> None:
    """An empty request is answered, or refused by a rule: it never fails inside, and no method is missing."""
    answer = grpcurl(home, "-d", "{}", method, code=0 if method in ANSWER_NOTHING else 1)
    assert not re.search(r"Code: (Unimplemented|Internal|Unknown|Unauthenticated|DeadlineExceeded)", answer), answer


ANSWER_NOTHING = {
    "inference.GRPCInferenceService/ServerLive",
    "inference.GRPCInferenceService/ServerReady",
    "inference.GRPCInferenceService/ServerMetadata",
    "orris.runs.v1.AgentService/ListAgents",
    "orris.runs.v1.PoolService/ListPools",
    "orris.runs.v1.WorkspaceService/ListWorkspaces",
}


@pytest.mark.needs("grpcurl")
def test_without_a_token_nobody_learns_anything(home: Path) -> None:
    address = json.loads((home / "instance.json").read_text())["address"]
    command = ["grpcurl", "-plaintext", address, "orris.runs.v1.WorkspaceService/ListWorkspaces"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Unauthenticated" in refused.stderr


@pytest.mark.needs("grpcurl")
def test_the_story_is_told(home: Path, tmp_path: Path) -> None:
    environment = {**environment_of(home), "STORY": str(tmp_path / "story")}
    done = subprocess.run(
        ["bash", SCRIPTS / "story.sh"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert not done.stderr
    told = done.stdout
    for words in (
        "Accuracy on the training set: 0.99",
        '"metric": "Accuracy"',
        '"max_memory_bytes": ',
        '"state": "STATE_VERIFIED"',
        '"state": "STATE_HEALTHY"',
        "answers, as ONNX.",
        '"backend": "BACKEND_CODE"',
        "STATE_CANCELED",
    ):
        assert words in told
    prediction = told[told.index("# Predict") :]
    assert re.search(r'"int64_contents": \[\s*"0",\s*"2"\s*\]', prediction)
    assert os.listdir(tmp_path) == ["story"]
