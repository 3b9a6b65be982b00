"""Supervisors of warm runs see to one run after the other, and nothing of one is the next one's."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from orris_agent.folder import RunFolder
from orris_agent.runtimes.process import supervisors
from orris_agent.supervisor.tree import descendants, processes
from tests.integration.agent.warm import WARM, Machine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks of launchers are for Linux")

# Of one launcher: that is one for each set of imports.
IMPORTS = "import os, signal, time\n"
HERE = IMPORTS + "print('here')"
SLEEPS = IMPORTS + "print('ready', flush=True)\ntime.sleep(600)"


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    made = Machine(tmp_path)
    yield made
    await made.launchers.close()


async def test_one_supervisor_sees_to_runs_that_come_one_after_the_other(machine: Machine) -> None:
    seen = [supervisor_of((await machine.run(HERE, **WARM)).folder) for _ in range(3)]
    assert len(set(seen)) == 1


async def test_runs_at_the_same_time_have_a_supervisor_each(machine: Machine) -> None:
    folders = [await begun(machine) for _ in range(3)]
    assert len({supervisor_of(folder) for folder in folders}) == 3
    for folder in folders:
        machine.runtime().cancel(folder)
    assert [(await machine.ended(folder)).exit.reason for folder in folders] == ["canceled"] * 3


async def test_what_a_run_used_is_not_the_next_ones(machine: Machine) -> None:
    large = await machine.run(IMPORTS + "kept = b'.' * 200_000_000\nwhile time.process_time() < 0.5: pass", **WARM)
    small = await machine.run(HERE, **WARM)
    assert supervisor_of(small.folder) == supervisor_of(large.folder)
    assert large.exit.cpu_seconds >= 0.5 > small.exit.cpu_seconds > 0
    assert large.exit.max_rss_bytes > 200_000_000 > small.exit.max_rss_bytes > 0


async def test_what_a_run_leaves_is_ended_before_the_next_and_counted(machine: Machine) -> None:
    """Wherever it hides, and also what its own parent has left alone."""
    script = (
        IMPORTS
        + """
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.fork()
    while time.process_time() < 0.2:
        pass
    print("ready", flush=True)
    time.sleep(600)
while os.path.getsize("../std_log.txt") < len("ready" * 2) + 2:
    time.sleep(0.01)
"""
    )
    ended = await machine.run(script, **WARM)
    assert (ended.exit.exit_code, ended.text) == (0, "ready\nready\n")
    assert not [pid for pid, _, _ in processes() if works_in(pid, ended.folder)]
    assert ended.exit.cpu_seconds >= 0.4
    after = await machine.run(HERE, **WARM)
    assert supervisor_of(after.folder) == supervisor_of(ended.folder)


async def test_a_run_that_is_over_is_canceled_too_late_for_the_next(machine: Machine) -> None:
    over = await machine.run(HERE, **WARM)
    folder = await begun(machine)
    assert supervisor_of(folder) == supervisor_of(over.folder)
    assert not supervisors.cancel(over.folder.root)
    assert not supervisors.is_alive(over.folder.root)
    assert supervisors.is_alive(folder.root)
    machine.runtime().cancel(folder)
    await machine.ended(folder)


async def test_a_canceled_run_leaves_its_supervisor_to_the_next(machine: Machine) -> None:
    folder = await begun(machine)
    machine.runtime().cancel(folder)
    assert (await machine.ended(folder)).exit.reason == "canceled"
    after = await machine.run(HERE, **WARM)
    assert supervisor_of(after.folder) == supervisor_of(folder)
    assert (after.exit.exit_code, after.exit.reason, after.text) == (0, None, "here\n")


async def test_a_program_whose_parent_is_killed_ends_and_is_as_lost_as_one_without_a_supervisor(
    machine: Machine,
) -> None:
    folder = await begun(machine)
    zygote = parent_of_program(folder)
    os.kill(zygote, signal.SIGKILL)
    async with asyncio.timeout(60):
        ending = await machine.runtime().wait(folder)
    assert ending.exit is None
    assert "was killed from outside" in ending.lost
    assert not [pid for pid, _, _ in processes() if works_in(pid, folder)]
    after = await machine.run(HERE, **WARM)
    assert (after.exit.exit_code, after.text) == (0, "here\n")


@pytest.mark.parametrize("which", ["supervisor", "zygote"])
async def test_one_that_is_killed_while_it_waits_costs_no_run(machine: Machine, which: str) -> None:
    before = (await machine.run(HERE, **WARM)).folder
    supervisor = supervisor_of(before)
    (zygote,) = descendants(supervisor, 0)
    os.kill(supervisor if which == "supervisor" else zygote, signal.SIGKILL)
    await until(lambda: not is_there(zygote))
    after = await machine.run(HERE, **WARM)
    assert (after.exit.exit_code, after.text) == (0, "here\n")
    assert supervisor_of(after.folder) != supervisor


async def test_a_run_ends_as_ever_whose_launcher_was_closed_meanwhile(machine: Machine) -> None:
    """Its supervisor has nobody to tell, and ends."""
    lease, folder = machine.lease({"main.py": IMPORTS + "while not os.path.exists('go'): time.sleep(0.01)"}, **WARM)
    assert await machine.runtime().start(lease, folder) == ""
    waiting = asyncio.create_task(machine.ended(folder))
    supervisor = supervisor_of(folder)
    await machine.launchers.close()
    assert is_there(supervisor)
    (folder.work / "go").touch()
    assert (await waiting).exit.exit_code == 0
    await until(lambda: not is_there(supervisor))


async def test_supervisors_that_wait_end_with_the_launcher(machine: Machine) -> None:
    supervisor = supervisor_of((await machine.run(HERE, **WARM)).folder)
    below = descendants(supervisor, 0) | {supervisor}
    assert len(below) == 2
    await machine.launchers.close()
    await until(lambda: not any(is_there(pid) for pid in below))


async def begun(machine: Machine) -> RunFolder:
    """Return the folder of a run that sleeps."""
    lease, folder = machine.lease({"main.py": SLEEPS}, **WARM)
    assert await machine.runtime().start(lease, folder) == ""
    await until(lambda: folder.std_log.exists() and b"ready" in folder.std_log.read_bytes())
    return folder


def supervisor_of(folder: RunFolder) -> int:
    return int(json.loads((folder.root / "supervisor.json").read_text())["pid"])


def parent_of_program(folder: RunFolder) -> int:
    (parent,) = [parent for pid, parent, _ in processes() if works_in(pid, folder)]
    return parent


def works_in(pid: int, folder: RunFolder) -> bool:
    try:
        return Path(os.readlink(f"/proc/{pid}/cwd")) == folder.work
    except OSError:
        return False


def is_there(pid: int) -> bool:
    return pid in {each for each, _, _ in processes()}


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - files and processes
            await asyncio.sleep(0.02)
