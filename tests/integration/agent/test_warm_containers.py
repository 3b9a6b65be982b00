"""Runs in containers that waited for them: nothing tells them from others but what is listed here."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from orris.runs.v1 import runs_pb2 as runs
from orris_agent.runtimes.docker.container import name_of
from orris_agent.runtimes.docker.warm import containers
from orris_agent.runtimes.warm.room import Limits
from orris_agent.supervisor.system import boot_id
from tests.integration.agent.scripted_containers import ScriptedContainers
from tests.servers.docker import Engine

pytestmark = pytest.mark.needs("docker")

MIB = 1024 * 1024
SCRIPTS = Path(__file__).parent / "scripts"
ENDINGS = ("exception", "signal", "syntax", "exit_handlers", "daemon")


@pytest.fixture(scope="module")
async def machine(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ScriptedContainers]:
    made = ScriptedContainers(tmp_path_factory.mktemp("warm"), engine.host, Limits())
    yield made
    await made.runtime.close()


@pytest.fixture(scope="module")
def fresh(engine: Engine, machine: ScriptedContainers) -> ScriptedContainers:
    """The same agent without containers that wait."""
    return ScriptedContainers(machine.folder, engine.host)


async def test_a_warm_container_sees_what_a_fresh_one_sees(
    machine: ScriptedContainers, fresh: ScriptedContainers
) -> None:
    """Also when what it imports was learned."""
    script = (SCRIPTS / "state.py").read_text()
    for _ in range(2):
        cold, warm = await fresh.run(script), await machine.run_warm(script)
        assert (cold.warm, warm.warm) == (False, True)
        expected, seen = (json.loads(_plain(each.text)) for each in (cold, warm))
        # What is different, and documented to be:
        assert expected.pop("depth") + 1 == seen.pop("depth"), "the launcher's frame is below the program's"
        assert expected.pop("exit handlers") + 1 == seen.pop("exit handlers"), "the launcher ends the process at last"
        assert expected.pop("parent").rstrip("\0") == seen.pop("parent").rstrip("\0")
        assert {name: (value, seen[name]) for name, value in expected.items() if value != seen[name]} == {}
        assert _files(cold.folder.own) == _files(warm.folder.own)
        assert _files(cold.folder.control) == _files(warm.folder.control)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_warm_container_ends_like_a_fresh_one(
    machine: ScriptedContainers, fresh: ScriptedContainers, ending: str
) -> None:
    """The same log, byte for byte, the same exit code or signal."""
    script = (SCRIPTS / "endings" / f"{ending}.py").read_text()
    cold, warm = await fresh.run(script), await machine.run_warm(script)
    assert _plain(warm.text) == _plain(cold.text)
    assert warm.ending.exit is not None
    assert cold.ending.exit is not None
    assert (warm.ending.exit.exit_code, warm.ending.exit.signal) == (
        cold.ending.exit.exit_code,
        cold.ending.exit.signal,
    )


async def test_a_container_has_one_run_and_another_waits_for_the_next(machine: ScriptedContainers) -> None:
    script = "import os, socket\nprint(socket.gethostname(), os.listdir('/tmp'))\nopen('/tmp/left', 'w').close()"
    hosts, found = zip(*[(await machine.run_warm(script)).text.split(maxsplit=1) for _ in range(3)], strict=True)
    assert len(set(hosts)) == 3
    assert set(found) == {"[]\n"}


async def test_what_is_learned_is_imported_before_the_script_begins(machine: ScriptedContainers) -> None:
    script = "import sys\nbefore = 'wave' in sys.modules\nimport wave\nprint(before)"
    async with asyncio.timeout(60):
        while (await machine.run_warm(script)).text != "True\n":
            pass


async def test_one_persons_container_is_not_anothers(machine: ScriptedContainers) -> None:
    script = "import bisect, not_there_at_all"
    assert (await machine.run_warm(script, submitted_by="ada")).warm
    assert not (await machine.run(script, submitted_by="bob")).warm


async def test_limits_are_those_of_a_container_that_waited(machine: ScriptedContainers) -> None:
    asked = runs.Resources(cpus=0.5, memory_bytes=512 * MIB, pids=77)
    script = "import sched, time\ntime.sleep(600)"
    assert (await machine.run_warm("import sched, time", resources=asked)).warm
    lease, folder = await machine.start(script, resources=asked, network_disabled=True)
    host = (await machine.inspected(name_of(lease.id)))["HostConfig"]
    assert not await machine.is_warm(lease), "it has no network, and the one that waits has"
    await machine.runtime.end(folder)
    lease, folder = await machine.start(script, resources=asked)
    assert await machine.is_warm(lease)
    host = (await machine.inspected(name_of(lease.id)))["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"]) == (500_000_000, 512 * MIB, 77)
    await machine.runtime.end(folder)


@pytest.mark.parametrize(
    "fields",
    [
        {"environment_variables": {"PYTHONHASHSEED": "0"}},
        {"secret_environment_variables": {"OMP_NUM_THREADS": "1"}},
        {"script": "", "command": ["/usr/bin/python3", "-c", "import json"]},
        {"resources": runs.Resources(memory_bytes=20 * MIB)},  # what is imported would be a large part of that
    ],
)
async def test_what_could_tell_the_difference_gets_a_container_of_its_own(
    machine: ScriptedContainers, fields: dict[str, Any]
) -> None:
    await machine.run_warm("import json")
    for _ in range(2):
        ended = await machine.run("import json", **fields)
        assert ended.ending.exit is not None
        assert (ended.warm, ended.ending.exit.exit_code) == (False, 0)


@pytest.mark.parametrize("harm", ["kill", "remove"])
async def test_a_container_that_came_to_harm_is_replaced(
    machine: ScriptedContainers, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready, or still being made."""
    monkeypatch.setattr(containers, "_PAUSE_SECONDS", 0.5)
    script = "import calendar\nprint('said')"
    await machine.run_warm(script)
    await _until(lambda: machine.waiting(running=True))
    for name in await machine.waiting(running=True):
        await machine.engine.call(partial(_harm, how=harm, name=name))
    assert (await machine.run(script)).text == "said\n"
    assert (await machine.run_warm(script)).text == "said\n"


async def test_a_warm_container_is_canceled_like_any_other(machine: ScriptedContainers) -> None:
    script = (
        "import signal, time\ndef end(*_):\n    print('asked')\n    raise SystemExit\n"
        "signal.signal(signal.SIGTERM, end)\nprint('ready')\n{}"
    )
    await machine.run_warm(script.format(""))
    lease, folder = await machine.start(script.format("while True: time.sleep(0.05)"))
    await _until(lambda: _said(folder.std_log, "ready"))
    machine.runtime.cancel(folder)
    ended = await machine.ended(lease, folder)
    assert ended.ending.exit is not None
    assert (ended.warm, ended.ending.exit.reason, ended.text) == (True, "canceled", "ready\nasked\n")


async def test_a_warm_container_outlives_its_agent(machine: ScriptedContainers, fresh: ScriptedContainers) -> None:
    script = "import os, time\nprint('ready')\n{}\nprint('done')"
    await machine.run_warm(script.format(""))
    lease, folder = await machine.start(script.format("while not os.path.exists('enough'): time.sleep(0.05)"))
    await _until(lambda: _said(folder.std_log, "ready"))
    (folder.work / "enough").touch()
    assert fresh.runtime.has_started(folder)
    ended = await fresh.ended(lease, folder)
    assert ended.ending.exit is not None
    assert (ended.warm, ended.text, ended.ending.exit.exit_code) == (True, "ready\ndone\n", 0)


async def test_many_at_once_have_a_container_each(engine: Engine, tmp_path: Path) -> None:
    """More than may wait: some get one that waited, the others a new one, and all of them what is theirs."""
    machine = ScriptedContainers(tmp_path, engine.host, Limits(number=2))
    for _ in range(2):
        runs_at_once = [machine.run(f"import socket\nprint({number}, socket.gethostname())") for number in range(5)]
        said = [ended.text.split() for ended in await asyncio.gather(*runs_at_once)]
        assert [int(number) for number, _ in said] == list(range(5))
        assert len({host for _, host in said}) == 5
    await _until(lambda: _are(machine, 1, 2))
    await machine.runtime.close()
    await _until(lambda: _are(machine, 0))  # the engine may take longer than the agent waits for it


async def test_what_was_imported_before_a_run_is_not_what_it_uses(machine: ScriptedContainers) -> None:
    script = (
        "import asyncio, decimal, http.server, multiprocessing.pool, sqlite3, time, unittest.mock, xml.dom.minidom\n"
        "sum(range({}))\ntime.sleep({})"
    )
    await machine.run_warm(script.format(1, 0))
    ended = await machine.run_warm(script.format(10_000_000, 2.5))
    assert ended.ending.exit is not None
    sampled = json.loads((ended.folder.own / "usage.jsonl").read_text().splitlines()[-1])["cpu_seconds"]
    assert sampled == pytest.approx(ended.ending.exit.cpu_seconds, abs=0.12)


async def test_there_are_as_many_as_there_is_room_for(engine: Engine, tmp_path: Path) -> None:
    machine = ScriptedContainers(tmp_path, engine.host, Limits(number=1))
    for module in ("csv", "json"):
        await machine.run_warm(f"import {module}")
    await _until(lambda: _are(machine, 1))
    await machine.runtime.close()
    await _until(lambda: _are(machine, 0))  # the engine may take longer than the agent waits for it
    await _until(lambda: _is_empty(tmp_path / "waiting"))


async def test_one_that_nobody_needs_is_ended(engine: Engine, tmp_path: Path) -> None:
    machine = ScriptedContainers(tmp_path, engine.host, Limits(idle=1.0))
    await machine.run("import json")
    await _until(lambda: _are(machine, 1))
    await _until(lambda: _are(machine, 0))
    await machine.runtime.close()


async def test_with_their_agent_they_end_and_the_next_one_removes_them(engine: Engine, tmp_path: Path) -> None:
    (waiting,) = await _left_by_a_killed_agent(engine, tmp_path)
    machine = ScriptedContainers(tmp_path, engine.host, Limits())
    await _until(lambda: _have_ended(machine))
    assert await machine.waiting() == [waiting]
    await machine.runtime.end_others(set())
    await _until(lambda: _are(machine, 0))
    await _until(lambda: _is_empty(tmp_path / "waiting"))


async def test_a_run_that_an_agent_was_about_to_begin_in_one_begins_anew(engine: Engine, tmp_path: Path) -> None:
    """The agent was killed when the container had the run's name, and did not know yet that it has a run."""
    (waiting,) = await _left_by_a_killed_agent(engine, tmp_path)
    machine = ScriptedContainers(tmp_path, engine.host, Limits())
    lease, folder = machine.lease("print('said')")
    await _until(lambda: _have_ended(machine))
    await machine.engine.call(lambda api: api.rename(waiting, name_of(lease.id)))
    await machine.runtime.start(lease, folder)
    ended = await machine.ended(lease, folder)
    assert (ended.text, ended.warm) == ("said\n", False)


@pytest.mark.parametrize("which", ["lease.json", "started", "run/supervisor.json"])
async def test_after_another_start_of_the_machine_a_run_is_lost(machine: ScriptedContainers, which: str) -> None:
    """Whatever its record says: nobody knows which files had reached the disk."""
    lease, folder = await machine.start("print('said')")
    async with asyncio.timeout(60):
        assert (await machine.runtime.wait(folder)).exit is not None
    file = folder.root / which
    file.write_text(file.read_text().replace(boot_id(), "another-boot"))
    ended = await machine.ended(lease, folder)
    assert ended.ending.exit is None
    assert "machine was started again" in ended.ending.lost


async def _left_by_a_killed_agent(engine: Engine, folder: Path) -> list[str]:
    """Return the names of the containers that waited for an agent which was killed."""
    agent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.integration.agent.scripted_containers",
        str(folder),
        engine.host,
        stdout=asyncio.subprocess.PIPE,
    )
    assert agent.stdout is not None
    async with asyncio.timeout(90):
        assert await agent.stdout.readline() == b"waits\n"
    os.kill(agent.pid, signal.SIGKILL)
    await agent.wait()
    return await ScriptedContainers(folder, engine.host).waiting()


async def _until(condition: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 - files and containers
            await asyncio.sleep(0.05)


async def _are(machine: ScriptedContainers, *numbers: int) -> bool:
    return len(await machine.waiting()) in numbers


async def _have_ended(machine: ScriptedContainers) -> bool:
    return not await machine.waiting(running=True)


async def _is_empty(folder: Path) -> bool:
    return not list(folder.iterdir())  # noqa: ASYNC240


async def _said(log: Path, words: str) -> bool:
    return log.exists() and words in log.read_text()  # noqa: ASYNC240


def _harm(api: Any, how: str, name: str) -> None:
    with suppress(APIError):  # it has ended by itself
        api.kill(name) if how == "kill" else api.remove_container(name, force=True)


def _files(folder: Path) -> set[str]:
    """Return what there is in a folder but for the list of imports that a run was asked for."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} - {"modules.txt", ".supervisor.json"}


def _plain(text: str) -> str:
    return re.sub(r"(?<= at )0x[0-9a-f]+", "0x", text)
