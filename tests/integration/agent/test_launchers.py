"""A launcher that ends, or whose agent does, as a run is begun."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import orris_agent
from orris_agent import control
from orris_agent.folder import RunFolder
from orris_agent.runtimes.process.warm.process import Launcher
from orris_agent.runtimes.warm import protocol
from tests.integration.agent.warm import Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of launchers are for Linux")

VARIABLES = {"PATH": os.defpath}


async def test_one_that_is_closed_forks_what_it_was_asked_to(tmp_path: Path) -> None:
    """One is replaced when it has learned, or makes room: a run may have asked it for a fork that moment."""
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    launcher = await Launcher.start(Path(sys.executable), VARIABLES, [], tmp_path / "log")
    forking = asyncio.create_task(launcher.fork(folder.root, learn=False))
    await asyncio.sleep(0)
    launcher.close()
    await forking
    assert (await machine.ended(folder)).text == "here\n"
    assert not launcher.is_alive
    with pytest.raises(protocol.LauncherError, match="has ended"):
        await launcher.fork(folder.root, learn=False)


async def test_a_run_goes_on_whose_agent_ended_as_it_began(tmp_path: Path) -> None:
    """Its supervisor finds nobody who hears that it has taken over."""
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    ask_and_go(folder)
    async with asyncio.timeout(30):
        while not machine.runtime().has_started(folder):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    assert (await machine.ended(folder)).text == "here\n"


def ask_and_go(folder: RunFolder) -> None:
    """Ask a launcher for a fork, as an agent that is killed before it hears the answer."""
    agent, theirs = socket.socketpair()
    program = str(Path(orris_agent.__file__).parent / protocol.PROGRAM)
    with agent, theirs, theirs.dup() as replies:
        command = protocol.command_of(sys.executable, program, theirs.fileno(), replies.fileno())
        subprocess.run(
            command, env=protocol.variables_of(VARIABLES), pass_fds=(theirs.fileno(), replies.fileno()), check=True
        )
        agent.sendall(f"{protocol.wanted([])}\n".encode())
        with agent.makefile() as said:
            assert int(said.readline()) > 0
            assert json.loads(said.readline())["ready"]
        agent.shutdown(socket.SHUT_RD)
        agent.sendall(f"{json.dumps({'id': 1, 'folder': str(folder.root), 'learn': False})}\n".encode())


def run_of(machine: Machine, script: str) -> RunFolder:
    """Return the folder of a run that is to be begun."""
    _, folder = machine.lease({"main.py": script})
    control.write_command(folder.control, [sys.executable, "main.py"], VARIABLES, folder.work, None)
    return folder
