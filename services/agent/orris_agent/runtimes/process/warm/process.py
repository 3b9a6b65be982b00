"""One launcher: a process that forks for runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orris_agent
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
from orris_kit.blocking import run_blocking

_PROGRAM = Path(orris_agent.__file__).parent / PROGRAM


class Launcher:
    """A launcher that is ready. It ends when it is closed, and with the agent."""

    def __init__(self, pid: int, replies: asyncio.StreamReader, requests: asyncio.StreamWriter, log: Path) -> None:
        self._pid = pid
        self._handle = os.pidfd_open(pid)
        self._replies = replies
        self._requests = requests
        self._log = log
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._over: dict[int, asyncio.Future[None]] = {}
        self._number = 0
        self._closing = self._gone = False
        self._reading: asyncio.Task[None] | None = None
        self.imports = Imports(frozenset(), frozenset())

    @classmethod
    async def start(cls, python: Path, variables: Mapping[str, str], modules: Sequence[str], log: Path) -> Launcher:
        """Start a launcher and wait for its imports, whose output is in `log`. Raises LauncherError, UnfitError."""
        try:
            launcher = await cls._start(python, variables, log)
        except OSError as error:
            raise LauncherError(f"cannot start {python}: {error}") from error
        try:
            async with asyncio.timeout(READY_SECONDS):
                launcher._write(wanted(modules))
                launcher.imports = await launcher._ready()
        except BaseException as error:
            launcher.close()
            if isinstance(error, (OSError, TimeoutError)):
                raise LauncherError(f"its imports do not end: {error!r}") from error
            raise
        launcher._reading = asyncio.create_task(launcher._read())
        asyncio.get_running_loop().add_reader(launcher._handle, launcher._has_gone)
        return launcher

    @classmethod
    async def _start(cls, python: Path, variables: Mapping[str, str], log: Path) -> Launcher:
        # No pipes: uvloop closes the descriptor of one twice, the second time perhaps when another thread has it.
        own, theirs = socket.socketpair()
        with theirs, theirs.dup() as replies:
            try:
                with log.open("wb") as output:
                    process = subprocess.Popen(  # noqa: ASYNC220 - as quick as a fork
                        command_of(str(python), str(_PROGRAM), theirs.fileno(), replies.fileno()),
                        env=variables_of(variables),
                        cwd="/",
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        pass_fds=(theirs.fileno(), replies.fileno()),
                        start_new_session=True,
                    )
            except BaseException:
                own.close()
                raise
        reader, writer = await asyncio.open_unix_connection(sock=own, limit=LONGEST_LINE)
        try:
            async with asyncio.timeout(READY_SECONDS):
                pid = await reader.readline()
            await run_blocking(process.wait)  # its child is the launcher
            return cls(int(pid), reader, writer, log)
        except (OSError, TimeoutError, ValueError) as error:
            writer.close()
            raise LauncherError(f"{python} does not start: {_said(log) or repr(error)}") from error

    async def _ready(self) -> Imports:
        imports = await read_ready(self._replies)
        if imports is None:
            raise LauncherError(f"it ended while it imported: {_said(self._log) or 'without a word'}")
        return imports

    async def fork(self, folder: Path, over: asyncio.Future[None], *, learn: bool) -> None:
        """Have a supervisor take over the run in `folder` (absolute), where its command is. Raises LauncherError.

        `over` is set when that says the run is over, but not once this is closed: it ends with the run then.
        """
        if not self.is_alive:
            raise LauncherError("the launcher has ended")
        self._number += 1
        number, answered = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number], self._over[number] = answered, over
        request = {"id": number, "folder": str(folder), "learn": learn}
        failure = "it does not fork"
        try:
            self._write(json.dumps(request))
            await asyncio.wait((answered,), timeout=FORK_SECONDS)
            if answered.done():
                failure = answered.result()
        finally:
            self._waiting.pop(number, None)
            if failure:
                self._over.pop(number, None)
            if self._closing and not self._waiting:
                self._end()
        if failure:
            raise LauncherError(failure)

    @property
    def is_alive(self) -> bool:
        """Whether it answers, as far as is known."""
        return self._reading is not None and not self._reading.done() and not self._gone

    @property
    def memory(self) -> int:
        """What it occupies, in bytes; its forks share most of that."""
        try:
            pages = Path(f"/proc/{self._pid}/statm").read_text(encoding="ascii").split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def close(self) -> None:
        """End it, as soon as it has forked what it was asked to. What it has forked goes on."""
        if self._closing:
            return
        self._closing = True
        if not self._waiting:
            self._end()

    def _end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._handle, signal.SIGKILL)
        asyncio.get_running_loop().remove_reader(self._handle)
        os.close(self._handle)
        self._requests.close()
        if self._reading is not None:
            self._reading.cancel()
        self._log.unlink(missing_ok=True)

    def _write(self, line: str) -> None:
        self._requests.write(line.encode() + b"\n")

    def _has_gone(self) -> None:
        """Note that the launcher has ended; its supervisors, which have the socket as well, may go on."""
        asyncio.get_running_loop().remove_reader(self._handle)
        self._answers_no_more()

    def _answers_no_more(self) -> None:
        self._gone = True
        for waiting in self._waiting.values():
            _settle(waiting, "the launcher has ended")

    async def _read(self) -> None:
        """Pass on what supervisors say, until the last of them has ended."""
        try:
            while line := await self._replies.readline():
                answer = json.loads(line)
                if "ended" in answer:
                    _settle(self._over.pop(answer["id"], None), None)
                else:
                    _settle(self._waiting.get(answer["id"]), answer["failure"])
        finally:
            self._answers_no_more()


def _settle(future: asyncio.Future[Any] | None, result: str | None) -> None:
    if future is not None and not future.done():
        future.set_result(result)


def _said(log: Path) -> str:
    return log.read_text(errors="replace")[-500:].strip()
