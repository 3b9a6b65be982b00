"""Answer what a run asks over its socket: one JSON object a line each way, with the rights of the run's own token."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from orris import errors
from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent.folder import RunFolder
from orris_agent.unix_socket import listen

_LONGEST_REQUEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class RunRequest:
    """What a run asks. `id` is the same when it asks again after a lost connection."""

    lease: agents.Lease
    folder: RunFolder
    id: str
    parameters: dict[str, Any]

    @property
    def authorization(self) -> tuple[tuple[str, str], ...]:
        """The metadata that gives a call the rights of the run, instead of the agent's."""
        return (("authorization", f"Bearer {self.lease.run_token}"),)


Answer = Callable[[RunRequest], Awaitable[dict[str, Any]]]


class RequestServer:
    """Serves the sockets of all runs with the given methods."""

    def __init__(self, methods: dict[str, Answer]) -> None:
        self._methods = methods

    @contextlib.asynccontextmanager
    async def serving(self, lease: agents.Lease, folder: RunFolder) -> AsyncIterator[None]:
        """Answer requests over the run's socket while the context lasts."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, ValueError), contextlib.closing(writer):
                while line := await reader.readline():
                    writer.write(json.dumps(await self._answer(lease, folder, line)).encode() + b"\n")
                    await writer.drain()

        server = await asyncio.start_unix_server(
            connected, sock=listen(folder.socket, folder.owner), limit=_LONGEST_REQUEST
        )
        try:
            yield
        finally:
            server.close()
            folder.socket.unlink(missing_ok=True)

    async def _answer(self, lease: agents.Lease, folder: RunFolder, line: bytes) -> dict[str, Any]:
        number: Any = None
        try:
            request = json.loads(line)
            number, method = request["id"], request["method"]
            if method not in self._methods:
                raise errors.Unimplemented(f"a run cannot ask for {method!r}; known are {', '.join(self._methods)}")
            asked = RunRequest(lease, folder, str(number)[:64], request.get("params") or {})
            return {"id": number, "result": await self._methods[method](asked)}
        except errors.OrrisError as problem:
            return {"id": number, "error": {"type": type(problem).__name__, "message": problem.message}}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            message = f"the request cannot be read: {problem}"
            return {"id": number, "error": {"type": "InvalidArgument", "message": message}}
