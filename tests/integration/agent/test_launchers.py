"""A launcher that ends, or whose agent does, as a run is begun."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import orris_agent
from orris_agent import control
from orris_agent.folder import RunFolder
from orris_agent.runtimes.process.warm import process
from orris_agent.runtimes.process.warm.process import Launcher
from orris_agent.runtimes.warm import protocol
from orris_agent.supervisor.tree import descendants, processes
from tests.integration.agent.warm import WARM, Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of launchers are for Linux")

VARIABLES = {"PATH": os.defpath}


async def test_one_that_is_closed_forks_what_it_was_asked_to(tmp_path: Path) -> None:
    """One is replaced when it has learned, or makes room: a run may have asked it for a fork that moment."""
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    launcher = await Launcher.start(Path(sys.executable), VARIABLES, [], tmp_path / "log")
    forking = asyncio.create_task(launcher.fork(folder.root, over(), learn=False))
    await asyncio.sleep(0)
    launcher.close()
    await forking
    assert (await machine.ended(folder)).text == "here\n"
    assert not launcher.is_alive
    with pytest.raises(protocol.LauncherError, match="has ended"):
        await launcher.fork(folder.root, over(), learn=False)


async def test_a_run_goes_on_whose_agent_ended_as_it_began(tmp_path: Path) -> None:
    """Its supervisor finds nobody who hears that it has taken over."""
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    ask_and_go(folder)
    async with asyncio.timeout(30):
        while not machine.runtime().has_started(folder):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)
    assert (await machine.ended(folder)).text == "here\n"


async def test_a_folder_is_executed_once_by_whoever_forks(tmp_path: Path, launcher: Launcher) -> None:
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    for _ in range(2):
        await launcher.fork(folder.root, over(), learn=False)
    assert (await machine.ended(folder)).text == "here\n"
    await launcher.fork(folder.root, over(), learn=False)
    await nothing_runs_below(launcher)
    assert folder.std_log.read_text() == "here\n"


async def test_what_cannot_be_taken_over_leaves_nothing(tmp_path: Path, launcher: Launcher) -> None:
    """The supervisor is idle again, and the process that would fork for it."""
    folder = run_of(Machine(tmp_path), "print('here')")
    (folder.control / "command.json").write_text("{}")
    with pytest.raises(protocol.LauncherError, match="argv must be a list"):
        await launcher.fork(folder.root, over(), learn=False)
    await nothing_runs_below(launcher)
    assert not folder.std_log.exists()
    assert not (folder.root / "supervisor.json").exists()


async def test_a_run_that_was_canceled_before_never_begins(tmp_path: Path, launcher: Launcher) -> None:
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    control.request_cancel(folder.control)
    await launcher.fork(folder.root, over(), learn=False)
    ended = await machine.ended(folder)
    assert (ended.exit.reason, ended.text) == ("canceled", "")
    await nothing_runs_below(launcher)
    assert not folder.std_log.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cwd": "/not/there"}, "cannot enter the working directory /not/there: No such file or directory"),
        ({"env": {"A": "\0"}}, "cannot start the program: embedded null byte"),
        ({"env": {"A": "\ud800"}}, "cannot start .*surrogates not allowed"),
    ],
)
async def test_what_cannot_be_started_is_told(
    tmp_path: Path, launcher: Launcher, change: dict[str, object], message: str
) -> None:
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    file = folder.control / "command.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    await launcher.fork(folder.root, over(), learn=False)
    ended = await machine.ended(folder)
    assert (ended.exit.reason, ended.text) == ("start_failed", "")
    assert re.match(message, ended.exit.message)
    await nothing_runs_below(launcher)


async def test_nothing_begins_whose_supervisor_dies_before_it_has_taken_the_run_over(
    tmp_path: Path, launcher: Launcher
) -> None:
    """The run is as it was: the next supervisor begins it."""
    machine = Machine(tmp_path)
    folder = run_of(machine, "print('here')")
    lock = os.open(folder.root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)  # as another supervisor, so this one has to wait
    forking = asyncio.create_task(launcher.fork(folder.root, over(), learn=False))
    async with asyncio.timeout(30):
        while not (forks := grandchildren(launcher._pid)):  # noqa: ASYNC110 - processes of others
            await asyncio.sleep(0.01)
    for supervisor in forks.values():
        os.kill(supervisor, signal.SIGKILL)
    await nothing_runs_below(launcher)
    async with asyncio.timeout(30):
        while forks.keys() & {pid for pid, _, _ in processes()}:  # noqa: ASYNC110 - processes of others
            await asyncio.sleep(0.01)
    forking.cancel()
    assert not folder.std_log.exists()
    os.close(lock)
    await launcher.fork(folder.root, over(), learn=False)
    assert (await machine.ended(folder)).text == "here\n"


async def test_a_run_whose_launcher_does_not_answer_starts_fresh_and_the_next_has_another_launcher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "FORK_SECONDS", 0.5)
    machine = Machine(tmp_path)
    assert (await machine.run("print('here')", **WARM)).told == ""
    (place,) = machine.launchers._places.values()
    assert place.launcher is not None
    stopped = [place.launcher._pid, *descendants(place.launcher._pid, 0)]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    ended = await machine.run("print('here')", **WARM)
    assert (ended.text, ended.told) == (
        "here\n",
        "It was not started warm: no interpreter with its imports could be had: it does not fork.",
    )
    ended = await machine.run("print('here')", **WARM)
    assert (ended.text, ended.told) == ("here\n", "")
    await machine.launchers.close()
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@pytest.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    made = await Launcher.start(Path(sys.executable), VARIABLES, [], tmp_path / "log")
    yield made
    made.close()


def grandchildren(above: int) -> dict[int, int]:
    """Return the children of a process's children, with their parents."""
    found = list(processes())
    children = {pid for pid, parent, _ in found if parent == above}
    return {pid: parent for pid, parent, _ in found if parent in children}


async def nothing_runs_below(launcher: Launcher) -> None:
    """Wait until nothing is below a launcher but supervisors that see to no run, each above what forks for it."""
    async with asyncio.timeout(30):
        while not all(is_idle(pid) for pid in descendants(launcher._pid, 0)):  # noqa: ASYNC110 - processes of others
            await asyncio.sleep(0.01)


def is_idle(pid: int) -> bool:
    """Say whether a process is called like a supervisor without a run, or gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").endswith(b"supervisor/__main__.py")
    return True


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


def over() -> asyncio.Future[None]:
    """Return what is set when a supervisor says that its run is over."""
    return asyncio.get_running_loop().create_future()


def run_of(machine: Machine, script: str) -> RunFolder:
    """Return the folder of a run that is to be begun."""
    _, folder = machine.lease({"main.py": script})
    control.write_command(folder.control, [sys.executable, "main.py"], VARIABLES, folder.work, None)
    return folder
