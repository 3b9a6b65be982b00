"""Builds that are canceled, and builds whose service ends in the middle: an index that says nothing holds uv up."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import NotFound
from orris.images.v1 import images_service_pb2 as pb
from tests.integration.images.serving import PARENT, Build, Service


@pytest.fixture
def silent_index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[pytest.MonkeyPatch]:
    """Let uv wait for ever: an index that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server, monkeypatch.context() as patch:
        for name in [one for one in os.environ if one.startswith(("UV_", "PIP_"))]:
            patch.delenv(name)
        patch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{server.getsockname()[1]}/simple")
        patch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield patch


def waiting_uv(service: Service) -> list[str]:
    """Return the processes of uv that have this test's cache open: those that its service started."""
    cache = service.settings.environ["UV_CACHE_DIR"]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            surroundings = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if f"UV_CACHE_DIR={cache}".encode() in surroundings and b"compile" in command:
            found.append(process.name)
    return found


async def state(service: Service, build: Build) -> int:
    found: Build = (await service.user.GetBuild(pb.GetBuildRequest(name=build.name))).build
    return found.state


async def at_work(service: Service, build: Build) -> None:
    while not (await state(service, build) == Build.STATE_RESOLVING and waiting_uv(service)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def cancel(service: Service, build: Build) -> Build:
    answer: Build = (await service.user.CancelBuild(pb.CancelBuildRequest(name=build.name))).build
    return answer


async def test_canceling_ends_a_build_in_every_state(silent_index: pytest.MonkeyPatch, tmp_path: Path) -> None:
    silent_index.setenv("ORRIS_IMAGES_BUILDERS", "1")
    async with Service(tmp_path) as service:
        running = await service.build((await service.register("running", "six")).name)
        await at_work(service, running)
        queued = await service.build((await service.register("queued", "attrs")).name)
        assert queued.state == Build.STATE_QUEUED
        following = asyncio.ensure_future(service.follow(running))
        for build in (queued, running):
            assert (await cancel(service, build)).state == Build.STATE_CANCELED
        log, ended = await asyncio.wait_for(following, 5)
        assert log.endswith("canceled\n")
        assert ended.HasField("end_time")
        async with asyncio.timeout(5):
            while waiting_uv(service):  # noqa: ASYNC110 (uv is another process)
                await asyncio.sleep(0.02)
        assert (await cancel(service, running)) == ended
        assert (await service.build(running.environment)).name != running.name
        with pytest.raises(NotFound):
            await cancel(service, Build(name=f"{PARENT}/builds/none"))


async def test_a_build_goes_on_after_a_restart_of_the_service(silent_index: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async with Service(tmp_path) as service:
        build = await service.build((await service.register("interrupted", "six==1.16.0")).name)
        await at_work(service, build)
    assert waiting_uv(service) == []
    silent_index.undo()
    async with Service(tmp_path) as service:
        log, ended = await service.follow(build)
        assert ended.state == Build.STATE_SUCCEEDED
        assert "taken up again" in log
        assert log.count(f"environment {build.environment}") == 2
        assert (await service.build(build.environment)).cached


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.integration.images.serving import Service
from tests.integration.images.test_interrupted import at_work
async def main():
    async with Service(Path(sys.argv[1])) as service:
        build = await service.build((await service.register("killed", "six==1.16.0")).name)
        await at_work(service, build)
        print(build.name, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_a_build_goes_on_after_the_service_was_killed(silent_index: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    name = (await asyncio.wait_for(program.stdout.readline(), 20)).decode().strip()
    program.kill()
    await program.wait()
    silent_index.undo()
    async with Service(tmp_path) as service:
        log, ended = await service.follow(Build(name=name))
        assert (ended.state, "taken up again" in log) == (Build.STATE_SUCCEEDED, True)
