"""One container that has imported what a run will import, and waits for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from orris_agent.folder import INSIDE_CONTROL, INSIDE_RUN, RunFolder
from orris_agent.runtimes.docker.container import INSIDE_CODE, Container
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.docker.starting import create_container, give_away, start_container
from orris_agent.runtimes.docker.warm.moving import move_in
from orris_agent.runtimes.warm.protocol import (
    FORK_SECONDS,
    LONGEST_LINE,
    PROGRAM,
    READY_SECONDS,
    Imports,
    LauncherError,
    command_of,
    read_ready,
    variables_of,
    wanted,
)
from orris_agent.unix_socket import listen
from orris_kit.blocking import run_blocking

# As launcher/waiting.py has them.
_SETTINGS, _SOCKET, _LOG = "launcher.json", "launcher.sock", "launcher.log"
_REQUESTS, _REPLIES = 3, 4


class Waiting:
    """A container that waits. It ends when its connection is closed, and so with the agent."""

    def __init__(
        self, container: Container, imports: Imports, replies: asyncio.StreamReader, requests: asyncio.StreamWriter
    ) -> None:
        self.container, self.imports = container, imports
        self._replies, self._requests = replies, requests

    @classmethod
    async def start(
        cls, engine: Engine, container: Container, base: Mapping[str, str], modules: Sequence[str]
    ) -> Waiting:
        """Start a container, in a folder that is not there yet, and wait for its imports.

        Raises LauncherError, UnfitError, NotNowError, APIError; the container may be there then.
        """
        folder = container.folder
        await run_blocking(_furnish, container, base)
        connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if connected.done():
                writer.close()
            else:
                connected.set_result((reader, writer))

        listener = listen(folder.control / _SOCKET, folder.owner)
        server = await asyncio.start_unix_server(accept, sock=listener, limit=LONGEST_LINE)
        try:
            await engine.call(lambda api: create_container(api, container))
            await engine.call(lambda api: start_container(api, container))
            async with asyncio.timeout(READY_SECONDS):
                replies, requests = await connected
        except TimeoutError as error:
            raise LauncherError("its interpreter does not start") from error
        finally:
            server.close()
        try:
            return cls(container, await _imported(folder, replies, requests, modules), replies, requests)
        except BaseException:
            requests.close()
            raise

    @property
    def is_alive(self) -> bool:
        """Whether it waits, as far as is known."""
        return not self._replies.at_eof()

    def take_in(self, run: RunFolder) -> None:
        """Put a run's folder in the place of the container's own. Raises OSError; the run has its own again then."""
        folder = self.container.folder
        (folder.own / _LOG).unlink(missing_ok=True)
        for name in (_SETTINGS, _SOCKET):
            (folder.control / name).unlink(missing_ok=True)
        move_in(run, folder)

    async def begin(self, *, learn: bool) -> None:
        """Have the run begin that was taken in; return when it has been taken over. Raises LauncherError."""
        request = {"id": 1, "folder": str(INSIDE_RUN), "control": str(INSIDE_CONTROL), "learn": learn}
        try:
            async with asyncio.timeout(FORK_SECONDS):
                answer = await _asked(self._replies, self._requests, json.dumps(request))
        except (OSError, TimeoutError, ValueError) as error:
            raise LauncherError(f"it does not begin: {error!r}") from error
        finally:
            self.close()
        if answer["failure"]:
            raise LauncherError(str(answer["failure"]))

    def close(self) -> None:
        """Have it end, unless it has its run."""
        self._requests.close()


def _furnish(container: Container, base: Mapping[str, str]) -> None:
    folder = container.folder
    folder.root.mkdir(parents=True, mode=0o700)
    folder.make_parts()
    give_away(folder)
    program = str(INSIDE_CODE / "orris_agent" / PROGRAM)
    settings = {"argv": command_of(container.python, program, _REQUESTS, _REPLIES), "env": variables_of(base)}
    path = folder.control / _SETTINGS
    path.write_text(json.dumps(settings), encoding="utf-8")
    path.chmod(0o644)


async def _imported(
    folder: RunFolder, replies: asyncio.StreamReader, requests: asyncio.StreamWriter, modules: Sequence[str]
) -> Imports:
    try:
        async with asyncio.timeout(READY_SECONDS):
            requests.write(wanted(modules).encode() + b"\n")
            await requests.drain()
            await replies.readline()  # its pid, in there
            imports = await read_ready(replies)
    except (OSError, TimeoutError, ValueError) as error:
        raise LauncherError(f"its imports do not end: {error!r}") from error
    if imports is None:
        raise LauncherError(f"it ended while it imported: {_said(folder) or 'without a word'}")
    return imports


async def _asked(replies: asyncio.StreamReader, requests: asyncio.StreamWriter, line: str) -> dict[str, Any]:
    requests.write(line.encode() + b"\n")
    await requests.drain()
    answer = await replies.readline()
    if not answer:
        raise ConnectionError("it has ended")
    parsed: dict[str, Any] = json.loads(answer)
    return parsed


def _said(folder: RunFolder) -> str:
    with contextlib.suppress(OSError):
        size = folder.written.size(_LOG)
        return folder.written.read(_LOG, max(0, size - 500), 500).decode("utf-8", "replace").strip()
    return ""
