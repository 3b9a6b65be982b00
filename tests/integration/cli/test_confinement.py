"""What a run asks of its machine, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.runs.v1 import runs_pb2
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]
GIB = 1024**3


@pytest.fixture
def orris(server: FakeOrris, source: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    monkeypatch.chdir(source)
    monkeypatch.setenv("ORRIS_WORKSPACE", "lab")
    return lambda *arguments, **more: CliRunner().invoke(app, [*arguments], **more)


def test_what_is_asked_for_is_sent_and_shown(orris: Invoke, server: FakeOrris) -> None:
    options = ["--cpus", "2", "--memory", "2GiB", "--gpus", "1", "--shm", "1GiB", "--pids", "64", "--no-network"]
    run = orris("submit", "--no-wait", "--isolation", "container", *options, "train.py").stdout.strip()
    (sent,) = server.runs.runs.values()
    limits = runs_pb2.Resources(cpus=2, memory_bytes=2 * GIB, pids=64, gpus=1, shared_memory_bytes=GIB)
    assert (sent.isolation, sent.resources, sent.network_disabled) == (runs_pb2.ISOLATION_CONTAINER, limits, True)
    shown = orris("runs", "show", run).stdout
    assert "container, no network" in shown
    assert "2 CPUs, 2 GiB of memory, 1 GPU, 64 processes, 1 GiB of shared memory" in shown
    definition = json.loads(orris("runs", "show", run, "--json").stdout)["runDefinition"]
    assert (definition["isolation"], definition["network"]) == ("container", False)
    assert definition["resources"] == {
        "cpus": 2,
        "memory": 2 * GIB,
        "pids": 64,
        "gpus": 1,
        "shared_memory": GIB,
    }


def test_without_options_nothing_is_asked_for(orris: Invoke, server: FakeOrris) -> None:
    run = orris("submit", "--no-wait", "train.py").stdout.strip()
    (sent,) = server.runs.runs.values()
    assert (sent.isolation, sent.HasField("resources"), sent.network_disabled) == (0, False, False)
    assert "isolation" not in orris("runs", "show", run).stdout


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--memory", "2 gigs", "'2 gigs' is no size; write it like 2GiB"),
        ("--shm", "much", "'much' is no size"),
        ("--cpus", "-1", "give a number over 0"),
        ("--cpus", "nan", "give a number over 0"),
        ("--gpus", "-1", "give a whole number"),
        ("--gpus", "all", "valid integer"),
        ("--isolation", "vm", "'vm' is not one of 'warm', 'process', 'container'"),
    ],
)
def test_what_cannot_be_is_a_mistake_of_usage_that_names_the_option(
    orris: Invoke, server: FakeOrris, option: str, value: str, says: str
) -> None:
    result = orris("submit", option, value, "train.py")
    assert result.exit_code == 2
    words = " ".join(result.stderr.replace("│", " ").split())
    assert option in words
    assert says in words
    assert not server.runs.runs


def test_a_run_that_needed_more_memory_says_so(orris: Invoke, server: FakeOrris) -> None:
    error = runs_pb2.RunError(
        code=runs_pb2.RunError.CODE_OUT_OF_MEMORY, message="the program needed more memory than its 2 GiB"
    )
    server.runs.script = lambda name: server.runs.end(name, runs_pb2.Run.STATE_FAILED, error=error)
    result = orris("submit", "train.py")
    assert (result.exit_code, "needed more memory than its 2 GiB" in result.stderr) == (1, True)
    assert "OutOfMemory: the program needed more memory than its 2 GiB" in orris("runs", "show", "latest").stdout
    details = json.loads(orris("runs", "show", "latest", "--json").stdout)["error"]["error"]
    assert (details["code"], details["details"][0]["code"]) == ("UserError", "CODE_OUT_OF_MEMORY")
    assert json.loads(orris("runs", "list", "--json").stdout)[0]["errorCode"] == "OutOfMemory"


def test_agents_say_what_they_offer_and_have(orris: Invoke, server: FakeOrris) -> None:
    server.agents.isolations = [runs_pb2.ISOLATION_CONTAINER, runs_pb2.ISOLATION_PROCESS]
    server.agents.resources = runs_pb2.Resources(cpus=2.5, memory_bytes=16 * GIB, gpus=1)
    shown = orris("agents", "list").stdout
    assert "container, process" in shown
    assert "2.5 CPUs, 16 GiB of memory, 1 GPU" in shown
    (agent,) = json.loads(orris("agents", "list", "--json").stdout)
    assert agent["isolations"] == ["container", "process"]
    assert agent["resources"] == {"cpus": 2.5, "memory": 16 * GIB, "gpus": 1}


def test_an_agent_that_says_nothing_offers_processes(orris: Invoke, server: FakeOrris) -> None:
    server.agents.isolations = []
    assert json.loads(orris("agents", "list", "--json").stdout)[0]["isolations"] == ["process"]
