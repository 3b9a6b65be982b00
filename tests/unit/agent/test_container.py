"""What the engine is told of a run's container, without an engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docker import APIClient

from orris.images.v1 import images_pb2 as images
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.folder import RunFolder
from orris_agent.runtimes.docker.container import Container

GIB = 1024**3


def host_config(folder: Path, graphics: tuple[int, ...] = (), **needs: Any) -> dict[str, Any]:
    """Return the part of the engine's request that limits a run of these needs, as it goes over the wire."""
    run = runs.Run(name="workspaces/lab/runs/r", resources=runs.Resources(**needs))
    lease = agents.Lease(id="l", run=run, image=images.Image(reference="sha256:0"))
    container = Container(lease, RunFolder(folder, contained=True), folder / "code", "a", graphics=graphics)
    told: dict[str, Any] = container.arguments(APIClient(version="1.41"))["host_config"]
    return told


def test_the_graphics_processors_that_a_run_gets_are_named(tmp_path: Path) -> None:
    (request,) = host_config(tmp_path, graphics=(0, 3), gpus=2)["DeviceRequests"]
    assert request["DeviceIDs"] == ["0", "3"]
    assert request["Count"] == 0  # both together are refused by the engine
    assert request["Capabilities"] == [["gpu"]]


def test_where_nobody_chose_the_engine_chooses_as_many_graphics_processors(tmp_path: Path) -> None:
    (request,) = host_config(tmp_path, gpus=2)["DeviceRequests"]
    assert (request["Count"], request["DeviceIDs"]) == (2, [])
    assert request["Capabilities"] == [["gpu"]]


def test_without_a_request_there_are_no_graphics_processors(tmp_path: Path) -> None:
    assert "DeviceRequests" not in host_config(tmp_path)


def test_processors_and_memory_are_limited_where_the_run_says_so_and_processes_always(tmp_path: Path) -> None:
    asked = host_config(tmp_path, cpus=1.5, memory_bytes=2 * GIB, pids=100)
    assert asked["NanoCpus"] == 1_500_000_000
    assert asked["Memory"] == asked["MemorySwap"] == 2 * GIB
    assert asked["PidsLimit"] == 100
    silent = host_config(tmp_path)
    assert not {"NanoCpus", "Memory", "MemorySwap"} & silent.keys()
    assert silent["PidsLimit"] == 4096


@pytest.mark.parametrize("needs", [{}, {"gpus": 1}, {"cpus": 8.0}])
def test_no_run_gets_more_rights_than_its_files(tmp_path: Path, needs: dict[str, Any]) -> None:
    told = host_config(tmp_path, **needs)
    assert told["CapDrop"] == ["ALL"]
    assert told["SecurityOpt"] == ["no-new-privileges"]
    assert told["ReadonlyRootfs"] is True
    assert "Privileged" not in told
