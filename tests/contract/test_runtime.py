"""What every runtime does with a run: as a process of this machine, and in a container."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.bringing import bring
from orris_agent.control import boottime
from orris_agent.exits import Exit
from orris_agent.folder import USAGE, RunFolder
from orris_agent.leaving import left_files
from orris_agent.runtimes.port import Ending
from tests.servers.runtimes import Machine
from tests.unit.agent.test_run_data import Storage

MIB = 1024**2
HUNGRY = "import time\nheld = []\nwhile True: held.append(b'x' * 2**23); time.sleep(0.005)"
BUSY = "held = b'x' * (64 * 2**20)\nprint('ready', flush=True)\nwhile True: sum(range(1000))"
DEAF = "trap 'echo asked' TERM; echo ready; while :; do sleep 0.1; done"

Execute = Callable[..., Awaitable[RunFolder]]


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.needs("docker"))])
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    host = request.getfixturevalue("engine").host if request.param == "docker" else None
    return Machine(tmp_path / "agent", host)


@pytest.fixture
async def execute(machine: Machine) -> AsyncIterator[Execute]:
    """Start runs; what is left of them is ended."""
    runtime, started = machine.runtime(), list[RunFolder]()

    async def start(*command: str, deadline: float | None = None, data: Any = None, **fields: Any) -> RunFolder:
        lease, folder = machine.run(*command, **fields)
        started.append(folder)
        if data is not None:
            await bring(lease.run, folder, data)
        if deadline is not None:
            runtime.extend(folder, deadline)
        await runtime.start(lease, folder)
        return folder

    yield start
    for folder in started:
        await runtime.end(folder)


async def ended(machine: Machine, folder: RunFolder) -> Exit:
    """Return how a run ended, as an agent learns that has not started it."""
    ending = await awaited(machine, folder)
    assert ending.exit is not None, ending
    return ending.exit


async def sampled(folder: RunFolder, count: int = 1) -> list[dict[str, Any]]:
    """Return the samples of what a run uses, once there are so many."""
    file = folder.own / USAGE
    async with asyncio.timeout(40):
        while not (file.exists() and file.read_text().count("\n") >= count):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.1)
    return [json.loads(line) for line in file.read_text().splitlines()[:count]]


async def awaited(machine: Machine, folder: RunFolder) -> Ending:
    async with asyncio.timeout(40):
        return await machine.runtime().wait(folder)


async def said(folder: RunFolder, words: str) -> None:
    """Wait until the run's log has some words."""
    async with asyncio.timeout(40):
        while not (folder.std_log.exists() and words in folder.std_log.read_text()):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("script", "code", "number"), [("exit 0", 0, None), ("exit 3", 3, None), ("kill -9 $$", None, 9)]
)
async def test_an_agent_learns_how_the_program_ended(
    machine: Machine, execute: Execute, script: str, code: int | None, number: int | None
) -> None:
    exit_ = await ended(machine, await execute("/bin/sh", "-c", f"echo said; {script}"))
    assert (exit_.exit_code, exit_.signal, exit_.reason) == (code, number, None)


async def test_a_run_finds_its_data_where_it_is_told(machine: Machine, execute: Execute) -> None:
    """What is mounted, what is its own, and a folder to fill; what is bound in a container is only to be read."""
    script = """
cat "$0/a.txt" "$many/sub/b.txt" "$1"; cat data/a.txt; echo changed > "$1" && cat "$1"; echo left > "$2/left.txt"
echo "$AZUREML_DATASET_ENVIRONMENT_VARS"; grep -c many "$ORRIS_DATA"
"""
    tree = {"a.txt": "a\n", "sub/b.txt": "b\n"}
    inputs = [
        runs.RunInput(name="many", tree="t", mode=runs.RunInput.MODE_MOUNT),
        runs.RunInput(name="one", tree="u", mode=runs.RunInput.MODE_DOWNLOAD),
        runs.RunInput(name="here", tree="t", mode=runs.RunInput.MODE_MOUNT, path_on_compute="data"),
    ]
    command = ("/bin/sh", "-c", script, "${{inputs.many}}", "${{inputs.one}}", "${{outputs.clean}}")
    storage: Any = Storage(t=tree, u={"only.txt": "one\n"})
    folder = await execute(*command, data=storage, inputs=inputs, outputs_to=[runs.RunOutput(name="clean")])
    assert (await ended(machine, folder)).exit_code == 0
    modes = "many:mount,one:download,here:mount"
    assert folder.std_log.read_text().split() == ["a", "b", "one", "a", "changed", modes, "1"]
    assert list(left_files(folder, runs.RunOutput(name="clean"))[0]) == ["left.txt"]


async def test_a_run_finds_itself_by_its_environment(machine: Machine, execute: Execute) -> None:
    """Its folder, its directory, the variables it was given, and the `orris` that needs no installation."""
    script = """
import os, sys, orris
assert os.environ["GIVEN"] == "\\u00e9" and os.environ["SECRET"] == "s"
assert os.getcwd() == os.path.join(os.environ["ORRIS_RUN_FOLDER"], "work"), os.getcwd()
open(os.path.join(os.environ["HOME"], "cache"), "w").write("x")
orris.Run.get_context().log("Accuracy", 0.5)
orris.Run.get_context().upload_file("kept.txt", __file__) if "__file__" in globals() else None
print(sys.executable)
"""
    python = machine.image.lock.interpreter
    variables = {"environment_variables": {"GIVEN": "é"}, "secret_environment_variables": {"SECRET": "s"}}
    folder = await execute(python, "-c", script, **variables)
    assert (await ended(machine, folder)).exit_code == 0, folder.std_log.read_text()
    assert folder.std_log.read_text() == f"{python}\n"
    assert '"Accuracy"' in folder.journal.read_text()


async def test_a_run_that_was_started_goes_on_when_it_is_started_again(machine: Machine, execute: Execute) -> None:
    lease, folder = machine.run("/bin/sh", "-c", "echo once; exit 4")
    await machine.runtime().start(lease, folder)
    await machine.runtime().start(lease, folder)
    assert machine.runtime().has_started(folder)
    assert (await ended(machine, folder)).exit_code == 4
    await machine.runtime().start(lease, folder)
    assert (await ended(machine, folder)).exit_code == 4
    assert folder.std_log.read_text() == "once\n"
    await machine.runtime().end(folder)


async def test_cancel_asks_first(machine: Machine, execute: Execute) -> None:
    folder = await execute("/bin/sh", "-c", DEAF)
    await said(folder, "ready")
    machine.runtime().cancel(folder)
    exit_ = await ended(machine, folder)
    assert (exit_.signal, exit_.reason) == (9, "canceled")
    assert "asked" in folder.std_log.read_text()


async def test_the_time_limit_ends_a_run(machine: Machine, execute: Execute) -> None:
    lease, folder = machine.run("sleep", "600")
    lease.run.time_limit.FromMilliseconds(300)
    await machine.runtime().start(lease, folder)
    exit_ = await ended(machine, folder)
    assert (exit_.signal, exit_.reason) == (15, "time_limit")
    await machine.runtime().end(folder)


async def test_a_lease_that_runs_out_ends_the_run_without_any_agent(machine: Machine, execute: Execute) -> None:
    folder = await execute("/bin/sh", "-c", DEAF, deadline=boottime() + 600)
    await said(folder, "ready")
    machine.runtime().extend(folder, boottime())
    exit_ = await ended(machine, folder)
    assert (exit_.signal, exit_.reason) == (9, "lease_lost")
    assert "asked" not in folder.std_log.read_text()


async def test_what_the_program_leaves_behind_is_ended(machine: Machine, execute: Execute) -> None:
    folder = await execute("/bin/sh", "-c", "(setsid sleep 600 &) ; echo started")
    assert (await ended(machine, folder)).exit_code == 0


async def test_a_program_that_cannot_be_started_is_named(machine: Machine, execute: Execute) -> None:
    exit_ = await ended(machine, await execute("no-such-program"))
    assert exit_.reason == "start_failed"
    assert "no-such-program: it is not in PATH" in exit_.message


async def test_end_leaves_nothing_running(machine: Machine, execute: Execute) -> None:
    folder = await execute("sleep", "600")
    waiting = asyncio.ensure_future(awaited(machine, folder))
    await machine.runtime().end(folder)
    await machine.runtime().end(folder)
    await waiting


async def test_a_run_that_uses_more_memory_than_it_was_given_is_ended_and_told_so(
    machine: Machine, execute: Execute
) -> None:
    python = machine.image.lock.interpreter
    folder = await execute(python, "-c", HUNGRY, resources=runs.Resources(memory_bytes=150 * MIB))
    ending = await awaited(machine, folder)
    assert "150 MiB" in ending.out_of_memory, ending
    assert "Give it more" in ending.out_of_memory


async def test_what_a_run_uses_is_sampled_and_its_totals_are_kept(machine: Machine, execute: Execute) -> None:
    folder = await execute(machine.image.lock.interpreter, "-c", BUSY)
    first, second = await sampled(folder, 2)
    machine.runtime().cancel(folder)
    exit_ = await ended(machine, folder)
    assert first["time"] < second["time"]
    assert 0 < first["cpu_seconds"] < second["cpu_seconds"]
    assert 64 * MIB < second["memory_bytes"] < 1024 * MIB
    assert exit_.max_memory_bytes >= second["memory_bytes"]
    assert exit_.cpu_seconds > 0.5
