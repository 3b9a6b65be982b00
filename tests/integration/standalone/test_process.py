"""An instance comes up also when a port is taken between its choice and its use."""

import asyncio
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from orris_standalone import instance, ports, process
from orris_standalone.config import Settings


async def test_a_port_lost_to_another_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "INFERENCE_HTTP_LISTEN", *(f"{noun.upper()}_ADDRESS" for noun in process.NOUNS)):
        monkeypatch.setenv(f"ORRIS_{name}", "")  # set by the instance; back to what it was afterwards
    choose, taken = ports.choose, socket.socket()
    taken.bind(("127.0.0.1", 0))
    taken.listen()
    choices = [ports.Ports(taken.getsockname()[1], choose(tmp_path, None, None).http)]
    monkeypatch.setattr(ports, "choose", lambda *asked: choices.pop() if choices else choose(*asked))
    up: asyncio.Future[instance.Instance] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(process.run(Settings(home=tmp_path), up.set_result))
    both: set[asyncio.Future[Any]] = {up, serving}
    try:
        async with asyncio.timeout(30):
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert up.done(), serving.exception()
        assert up.result().address != f"127.0.0.1:{taken.getsockname()[1]}"
    finally:
        taken.close()
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.gather(serving, return_exceptions=True)
