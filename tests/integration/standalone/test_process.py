"""An instance comes up also when a port is taken between its choice and its use; and where it is asked to listen."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from orris.errors import FailedPrecondition
from orris_standalone import instance, ports, process
from orris_standalone.config import Settings


@pytest.fixture(autouse=True)
def _environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "INFERENCE_HTTP_LISTEN", *(f"{noun.upper()}_ADDRESS" for noun in process.NOUNS)):
        monkeypatch.setenv(f"ORRIS_{name}", "")  # set by the instance


@asynccontextmanager
async def serving(settings: Settings) -> AsyncIterator[instance.Instance]:
    """Run an instance. Raises what it ends with before it is up."""
    up: asyncio.Future[instance.Instance] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(process.run(settings, up.set_result))
    both: set[asyncio.Future[Any]] = {up, task}
    async with asyncio.timeout(30):
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if not up.done():
        await task
    try:
        yield up.result()
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.gather(task, return_exceptions=True)


async def test_a_port_lost_to_another_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = ports.choose
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        choices = [ports.Ports(taken.getsockname()[1], choose(tmp_path, None, None).http)]
        monkeypatch.setattr(ports, "choose", lambda *asked: choices.pop() if choices else choose(*asked))
        async with serving(Settings(home=tmp_path)) as up:
            assert up.address != f"127.0.0.1:{taken.getsockname()[1]}"


async def test_it_listens_on_this_machine_only_unless_it_is_told_and_allowed(tmp_path: Path) -> None:
    """127.0.0.2 stands for another address of the machine: who listens at 127.0.0.1 alone is not there."""
    everywhere = Settings(home=tmp_path, listen="0.0.0.0:0")
    with pytest.raises(FailedPrecondition, match="would show tokens to the network"):
        async with serving(everywhere):
            pass
    for settings, answers in (Settings(home=tmp_path), False), (everywhere, True):
        async with serving(settings.model_copy(update={"allow_insecure_listen": True})) as up:
            host, port = up.address.split(":")
            assert host == "127.0.0.1"
            assert _answers("127.0.0.2", int(port)) is answers


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 5).close()
    except ConnectionRefusedError:
        return False
    return True
