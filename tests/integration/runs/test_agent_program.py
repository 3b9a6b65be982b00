"""How the program of an agent ends: with its machine, of which it is told, or with whoever started it."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orris.runs.v1 import pools_service_pb2 as pb
from orris.runs.v1.pools_service_pb2_grpc import PoolServiceStub
from orris_kit.auth import Role

from .conftest import Service

Node = pb.Node


@pytest.fixture
async def agent(service: Service, tmp_path: Path) -> AsyncIterator[Process]:
    """An agent on a machine that may be taken away, and that ends with its input; it is known."""
    (tmp_path / "agents.token").write_text(service.token(Role.AGENT))
    told = {
        "ORRIS_HOME": str(tmp_path / "machine"),
        "ORRIS_TOKEN_FILE": str(tmp_path / "agents.token"),
        "ORRIS_RUNS_ADDRESS": f"127.0.0.1:{service.port}",
        "ORRIS_AGENT_NAME": "a1",
        "ORRIS_AGENT_ENGINE": "off",
        "ORRIS_AGENT_FINISH_ON_STOP": "true",
    }
    argv = (sys.executable, "-m", "orris_agent", "--until-eof")
    process = await asyncio.create_subprocess_exec(*argv, stdin=PIPE, env={**os.environ, **told})
    try:
        async with asyncio.timeout(30):
            while not await nodes(service):  # noqa: ASYNC110  # another process
                await asyncio.sleep(0.02)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def nodes(service: Service) -> list[pb.Node]:
    stub = PoolServiceStub(service.channel())
    return list((await stub.ListNodes(pb.ListNodesRequest(parent="pools/local"))).nodes)


async def test_sigterm_is_the_end_of_its_machine_and_it_says_so(service: Service, agent: Process) -> None:
    agent.terminate()
    assert await asyncio.wait_for(agent.wait(), 30) == 0
    (node,) = await nodes(service)
    assert node.state == Node.STATE_DRAINING
    assert "its machine is taken away" in node.end_reason


async def test_the_end_of_its_input_is_none_of_its_machine(service: Service, agent: Process) -> None:
    """Another takes up there what it has left: nothing is withdrawn."""
    assert agent.stdin is not None
    agent.stdin.close()
    assert await asyncio.wait_for(agent.wait(), 30) == 0
    (node,) = await nodes(service)
    assert node.state != Node.STATE_DRAINING
    assert node.end_reason == ""
