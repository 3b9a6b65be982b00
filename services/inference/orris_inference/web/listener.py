"""The HTTP server: a socket that is open at once, and what serves it as soon as that is imported."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from orris.errors import FailedPrecondition
from orris_kit import files
from orris_kit.address import Address
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
STOP_SECONDS = 10
TICK_SECONDS = 1.0

log = get_logger(__name__)


def listen(address: Address, memory: Path, *, allow_insecure: bool) -> socket.socket:
    """Return a listening socket. For port 0 the port of last time is taken again (from `memory`), so that URLs stay.

    Raises FailedPrecondition when the address is taken, or would show keys to the network.
    """
    if address.port is None or not (address.stays_here or allow_insecure):
        message = f"http_listen: {address} must be host:port on this machine, or be allowed (allow_insecure_listen)"
        raise FailedPrecondition(message, reason="INSECURE_LISTEN")
    if address.port == 0:
        with contextlib.suppress(OSError, ValueError):
            return _bound(address.host, int(memory.read_text()))
    try:
        bound = _bound(address.host, address.port)
    except OSError as error:
        message = f"cannot listen on {address} for HTTP: {error.strerror or error}"
        raise FailedPrecondition(message, reason="CANNOT_LISTEN") from error
    if address.port == 0:
        files.replace(memory, str(bound.getsockname()[1]).encode())
    return bound


@contextlib.asynccontextmanager
async def serving(bound: socket.socket, make_app: Callable[[], Any]) -> AsyncIterator[None]:
    """Serve the app that `make_app` imports and makes, on the running loop; what connects before that waits."""
    starting = asyncio.create_task(_start(bound, make_app))
    try:
        yield
    finally:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting
        bound.close()


async def _start(bound: socket.socket, make_app: Callable[[], Any]) -> None:
    try:
        server = await run_blocking(_server, make_app)
    except Exception:
        log.exception("HTTP is not served")
        raise
    serving = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.stop()
        await asyncio.wait((serving,), timeout=STOP_SECONDS)
        raise


def _server(make_app: Callable[[], Any]) -> Any:
    import uvicorn

    class Server(uvicorn.Server):
        """One server among others of a process, which handles the signals itself."""

        def stop(self) -> None:
            """End `serve`, once what is being answered is."""
            self.should_exit = True
            self._stopping.set()

        async def main_loop(self) -> None:
            """Wait until it is to stop. uvicorn would look ten times a second; the date in answers needs one."""
            self._stopping = asyncio.Event()
            while not await self.on_tick(0):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), TICK_SECONDS)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    config = uvicorn.Config(
        make_app(),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=BACKLOG,
    )
    config.load()
    return Server(config)


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError:
        bound.close()
        raise
    return bound
