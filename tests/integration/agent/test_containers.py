"""What a container is to a run, and what an agent says of one that ended otherwise than by its program."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition
from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent.bringing import bring
from orris_agent.dataset_registration import DatasetRegistration
from orris_agent.datasets import Datasets
from orris_agent.folder import RunFolder
from orris_agent.requests import RequestServer
from orris_agent.runtimes.docker.container import name_of
from orris_agent.runtimes.port import Ending
from tests.servers.docker import Engine
from tests.servers.runtimes import Machine, docker_runtime
from tests.unit.agent.test_dataset_registration import Registry
from tests.unit.agent.test_datasets import DatasetStorage, Recorded
from tests.unit.agent.test_run_data import SharedStorage, Storage

pytestmark = pytest.mark.needs("docker")

MIB = 1024 * 1024
PYTHON = "/usr/bin/python3"

Execute = Callable[..., Awaitable[RunFolder]]


@pytest.fixture
def machine(engine: Engine, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "agent", engine.host)


@pytest.fixture
async def execute(machine: Machine) -> AsyncIterator[Execute]:
    """Start runs; what is left of them is ended."""
    runtime, started = machine.runtime(), list[RunFolder]()

    async def start(*command: str, data: Any = None, **fields: Any) -> RunFolder:
        lease, folder = machine.run(*command, **fields)
        started.append(folder)
        if data is not None:
            await bring(lease.run, folder, data)
        await runtime.start(lease, folder)
        return folder

    yield start
    for folder in started:
        await runtime.end(folder)


async def ending(machine: Machine, folder: RunFolder) -> Ending:
    async with asyncio.timeout(60):
        return await machine.runtime().wait(folder)


async def said(folder: RunFolder, words: str) -> None:
    async with asyncio.timeout(60):
        while not (folder.std_log.exists() and words in folder.std_log.read_text()):  # noqa: ASYNC110 - a file
            await asyncio.sleep(0.02)


def lease_of(folder: RunFolder) -> agents.Lease:
    run = runs.Run(name=f"workspaces/lab/runs/{folder.run_id}")
    return agents.Lease(id=folder.load_lease_id(), run=run)


def container_of(engine: Engine, folder: RunFolder) -> Any:
    return engine.client.containers.get(name_of(folder.load_lease_id()))


@pytest.mark.parametrize("shared", [False, True])
async def test_data_that_is_mounted_cannot_be_changed(machine: Machine, execute: Execute, shared: bool) -> None:
    """Not by its owner either, as the folder is read-only: at Orris's place, in the working directory, elsewhere."""
    script = (
        'for each in "$@"; do cat "$each/a.txt"; touch "$each/new" || chmod u+w "$each/a.txt" || echo refused; done'
    )
    places = {"own": "", "relative": "sub/data", "absolute": "/data/x", "temporary": "/tmp/x"}
    inputs = [
        runs.RunInput(name=name, tree="t", mode=runs.RunInput.MODE_MOUNT, path_on_compute=path)
        for name, path in places.items()
    ]
    words = [f"${{{{inputs.{name}}}}}" for name in places]
    trees = {"t": {"a.txt": "a\n", "b.txt": "b\n"}}
    storage: Any = SharedStorage(machine.folder / "data", **trees) if shared else Storage(**trees)
    folder = await execute("/bin/sh", "-c", script, "sh", *words, data=storage, inputs=inputs)
    await ending(machine, folder)
    lines = [line for line in folder.std_log.read_text().splitlines() if line in ("a", "refused")]
    assert lines == ["a", "refused"] * 4


async def test_a_dataset_that_is_asked_for_is_there_and_cannot_be_changed(machine: Machine, execute: Execute) -> None:
    script = """
import os, time
from azureml.core import Dataset, Run
found = Dataset.get_by_name(Run.get_context().experiment.workspace, "iris")
place = found.mount().mount_point
print("read", found.to_path(), open(place + "/a.txt").read().strip())
try:
    os.chmod(place + "/a.txt", 0o666)
except OSError as error:
    print("refused", error.strerror)
"""
    storage: Any = DatasetStorage({"a.txt": "a\n"})
    stub: Any = Recorded()
    folder = await execute(PYTHON, "-c", script)
    server = RequestServer({"get_dataset": Datasets(stub, lambda _: storage).get_dataset})
    async with server.serving(lease_of(folder), folder):
        await ending(machine, folder)
    assert folder.std_log.read_text().splitlines() == ["read ['/a.txt'] a", "refused Read-only file system"]


async def test_what_a_container_has_made_is_registered(machine: Machine, execute: Execute) -> None:
    """Though its agent sees nothing of what it writes elsewhere than in its folder."""
    script = """
import os
from azureml.core import Run
from orris._data import FileDataset
os.makedirs("/tmp/made/sub")
open("/tmp/made/sub/a.txt", "w").write("a")
made = FileDataset("/tmp/made", {"id": "", "dataset": "", "table": None, "partition": None})
print(made.register(Run.get_context().experiment.workspace, "made"))
"""
    storage: Any = Registry()
    folder = await execute(PYTHON, "-c", script)
    server = RequestServer({"register_dataset": DatasetRegistration(lambda _: storage).register_dataset})
    async with server.serving(lease_of(folder), folder):
        await ending(machine, folder)
    assert folder.std_log.read_text() == "FileDataset('made')\n"
    assert storage.registered[0].dataset_version.tree == "uploaded: sub/a.txt"


async def test_a_run_has_no_rights_beyond_its_own_files(machine: Machine, execute: Execute) -> None:
    script = """
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
def refused(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.strerror
print(json.dumps({
    "user": os.getuid(), "group": os.getgid(), "groups": os.getgroups(),
    "capabilities": [int(status[each], 16) for each in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")],
    "no_new_privileges": status["NoNewPrivs"],
    "refused": [refused(path) for path in (
        "/etc/passwd", "/usr/lib/x", "/orris/control/deadline", "/orris/control/x", "/orris/code/x")],
    "written": [refused(path) for path in ("/tmp/x", "/dev/shm/x", "/orris/run/x", os.environ["HOME"] + "/x", "here")],
    "first": open("/proc/1/cmdline").read().split("\\0")[4],
}))
"""
    folder = await execute(PYTHON, "-c", script)
    assert (await ending(machine, folder)).exit is not None, folder.std_log.read_text()
    found = json.loads(folder.std_log.read_text())
    assert (found["user"], found["group"]) == folder.owner != (0, 0)
    assert found["groups"] in ([], [found["group"]])
    assert found["capabilities"] == [0] * 5
    assert found["no_new_privileges"] == "1"
    assert all(found["refused"]), found
    assert found["written"] == [None] * 5
    assert found["first"].endswith("supervisor/__main__.py")


async def test_the_engine_is_told_no_secret_and_keeps_no_log(engine: Engine, execute: Execute) -> None:
    folder = await execute("sleep", "600", secret_environment_variables={"KEY": "very-secret"})
    told = container_of(engine, folder).attrs
    assert "very-secret" not in json.dumps(told)
    assert told["HostConfig"]["LogConfig"]["Type"] == "none"
    assert told["Config"]["Labels"]["io.orris.run"] == lease_of(folder).run.name


async def test_limits_are_those_asked_for_and_defaults(engine: Engine, execute: Execute) -> None:
    asked = runs.Resources(cpus=0.5, memory_bytes=256 * MIB, pids=77, shared_memory_bytes=64 * MIB)
    host = container_of(engine, await execute("sleep", "600", resources=asked)).attrs["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["MemorySwap"]) == (500_000_000, 256 * MIB, 256 * MIB)
    assert (host["PidsLimit"], host["ShmSize"]) == (77, 64 * MIB)
    host = container_of(engine, await execute("sleep", "600")).attrs["HostConfig"]
    assert (host["NanoCpus"], host["Memory"], host["PidsLimit"], host["ShmSize"]) == (0, 0, 4096, 2048 * MIB)


@pytest.mark.parametrize(
    "command",
    [
        (PYTHON, "-c", "bytearray(400 << 20)"),
        ("/bin/sh", "-c", f"{PYTHON} -c 'bytearray(400 << 20)' || exit 3"),
        ("/bin/sh", "-c", "head -c 400M /dev/zero > /dev/shm/x"),
    ],
)
async def test_a_run_that_needs_more_memory_than_it_was_given(
    machine: Machine, execute: Execute, command: tuple[str, ...]
) -> None:
    """The program itself, a child of it, or what it keeps in memory as files."""
    folder = await execute(*command, resources=runs.Resources(memory_bytes=64 * MIB))
    how = await ending(machine, folder)
    assert "64 MiB of memory" in how.out_of_memory


async def test_a_run_that_ends_well_is_not_blamed_for_a_child(machine: Machine, execute: Execute) -> None:
    command = ("/bin/sh", "-c", f"{PYTHON} -c 'bytearray(400 << 20)'; true")
    how = await ending(machine, await execute(*command, resources=runs.Resources(memory_bytes=64 * MIB)))
    assert how.exit is not None
    assert (how.exit.exit_code, how.exit.out_of_memory, how.out_of_memory) == (0, True, "")


async def test_no_network_is_none(machine: Machine, execute: Execute) -> None:
    count = "import socket; print([name for _, name in socket.if_nameindex()])"
    alone = await execute(PYTHON, "-c", count, network_disabled=True)
    usual = await execute(PYTHON, "-c", count)
    await ending(machine, alone)
    await ending(machine, usual)
    assert "eth0" not in alone.std_log.read_text()
    assert "eth0" in usual.std_log.read_text()


async def test_graphics_processors_that_are_not_there_are_refused(machine: Machine, engine: Engine) -> None:
    """By the engine, which has understood what it was asked for."""
    lease, folder = machine.run("true", resources=runs.Resources(gpus=1))
    with pytest.raises(FailedPrecondition, match="1 graphics processors"):
        await machine.runtime().start(lease, folder)
    (asked,) = container_of(engine, folder).attrs["HostConfig"]["DeviceRequests"]
    assert (asked["Count"], asked["Capabilities"]) == (1, [["gpu"]])
    await machine.runtime().end(folder)


async def test_an_image_without_the_python_that_it_promises(machine: Machine) -> None:
    lease, folder = machine.run("true")
    lease.image.lock.interpreter = "/nowhere/python"
    with pytest.raises(FailedPrecondition, match="no Python at /nowhere/python"):
        await machine.runtime().start(lease, folder)
    await machine.runtime().end(folder)


async def test_an_image_that_is_no_container_image_says_what_to_do(machine: Machine) -> None:
    lease, _ = machine.run("true")
    lease.image.reference = ""
    with pytest.raises(FailedPrecondition, match="ORRIS_IMAGES_BUILDER=oci"):
        await machine.runtime().is_ready(lease)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda container: container.remove(force=True), "from outside"),
        (lambda container: container.kill("KILL"), "killed from outside"),
        (lambda container: container.stop(), "stopped from outside"),
    ],
)
async def test_what_somebody_did_to_the_container_is_said(
    engine: Engine, machine: Machine, execute: Execute, harm: Callable[[Any], None], words: str
) -> None:
    folder = await execute("/bin/sh", "-c", "echo ready; exec sleep 600")
    await said(folder, "ready")
    waiting = asyncio.ensure_future(ending(machine, folder))
    await asyncio.to_thread(harm, container_of(engine, folder))
    how = await waiting
    assert how.exit is None
    assert words in how.lost


async def test_containers_of_leases_that_are_gone_are_removed(
    engine: Engine, machine: Machine, execute: Execute, tmp_path: Path
) -> None:
    """Also where their folder is gone; not those of another agent's folder."""
    kept, left = await execute("sleep", "600"), await execute("sleep", "600")
    elsewhere = Machine(tmp_path / "elsewhere", engine.host)
    lease, stranger = elsewhere.run("sleep", "600")
    await elsewhere.runtime().start(lease, stranger)
    gone, mine = container_of(engine, left), container_of(engine, kept)
    left.remove()
    await machine.runtime().end_others({kept.load_lease_id()})
    async with asyncio.timeout(30):
        while gone.id in [each.id for each in engine.client.containers.list(all=True, ignore_removed=True)]:  # noqa: ASYNC110 - a container
            await asyncio.sleep(0.05)
    assert {mine.id, container_of(engine, stranger).id} <= {
        each.id for each in engine.client.containers.list(ignore_removed=True)
    }
    await elsewhere.runtime().end(stranger)


async def test_the_agents_folder_must_be_where_the_engine_sees_it(machine: Machine, monkeypatch: Any) -> None:
    lease, folder = machine.run("true")
    runtime = machine.runtime()
    real = Path.absolute
    monkeypatch.setattr(Path, "absolute", lambda self: Path("/of-another-namespace") / str(real(self)).lstrip("/"))
    with pytest.raises(RuntimeError, match="does not see the agent's folder"):
        await runtime.start(lease, folder)
    monkeypatch.undo()
    await runtime.end(folder)


async def test_a_replica_is_found_at_a_port_of_loopback(machine: Machine, execute: Execute) -> None:
    script = """
import http.server, os
address = os.environ["ORRIS_REPLICA_HOST"], int(os.environ["ORRIS_REPLICA_PORT"])
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
    lease, folder = machine.run(PYTHON, "-c", script, kind=runs.RUN_KIND_REPLICA)
    (folder.work / "hello").write_text("from inside")
    await machine.runtime().start(lease, folder)
    address = await machine.runtime().published(lease, folder)
    assert address is not None
    assert address.startswith("127.0.0.1:")
    assert await _got(address) == b"from inside"
    await machine.runtime().end(folder)


async def test_a_replica_in_a_network_is_found_at_its_own_address(
    engine: Engine, machine: Machine, execute: Execute
) -> None:
    name = f"orris-{secrets.token_hex(4)}"
    network = engine.client.networks.create(name, "bridge", internal=True)
    runtime = docker_runtime(machine.folder, engine.host, network=name)
    # Not http.server's own server: it asks the name service, which has no answer here, for the machine's name.
    script = """
import http.server, socketserver
socketserver.TCPServer(("0.0.0.0", 6750), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
    lease, folder = machine.run(PYTHON, "-c", script, kind=runs.RUN_KIND_REPLICA)
    (folder.work / "hello").write_text("from inside")
    try:
        await runtime.start(lease, folder)
        address = await runtime.published(lease, folder)
        assert address is not None
        network.reload()
        (joined,) = network.attrs["Containers"].values()
        assert address == f"{joined['IPv4Address'].partition('/')[0]}:6750"
        assert await _got(address) == b"from inside"
    finally:
        await runtime.end(folder)
        network.remove()


async def test_only_replicas_join_the_network_of_replicas(engine: Engine, machine: Machine) -> None:
    runtime = docker_runtime(machine.folder, engine.host, network="no-such-network")
    lease, folder = machine.run("true")
    await runtime.start(lease, folder)
    assert (await ending(machine, folder)).exit is not None
    await runtime.end(folder)


async def test_a_replica_that_nobody_could_ask_is_refused(machine: Machine) -> None:
    lease, _ = machine.run("true", kind=runs.RUN_KIND_REPLICA, network_disabled=True)
    with pytest.raises(FailedPrecondition, match="network_disabled"):
        await machine.runtime().is_ready(lease)


async def test_an_agent_that_is_root_gives_away_only_the_runs_part(machine: Machine, execute: Execute) -> None:
    folder = await execute("sleep", "600")
    owners = {path.name: path.lstat().st_uid for path in folder.root.iterdir()}
    assert owners.pop("run") == folder.owner[0]
    assert set(owners.values()) == {os.geteuid()}
    assert (folder.root / "lease.json").stat().st_mode & 0o077 == 0


async def _got(address: str) -> bytes:
    """Return what a replica answers, as soon as it does."""
    async with asyncio.timeout(30):
        while True:
            try:
                if answer := await _asked(*address.split(":")):
                    return answer.rpartition(b"\r\n\r\n")[2]
            except ConnectionError:
                await asyncio.sleep(0.05)


async def _asked(host: str, port: str) -> bytes:
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /hello HTTP/1.0\r\n\r\n")
    try:
        return await reader.read()
    finally:
        writer.close()
