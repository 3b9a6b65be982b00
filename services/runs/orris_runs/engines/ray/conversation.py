"""The conversation with the program that has Ray: a request a line, an answer a line."""

from __future__ import annotations

import collections
import contextlib
import json
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orris_runs.engines.port import EngineUnavailable

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_ERROR_LINES = 5


class Conversation:
    """Asks a program, which is started when it is needed and, after a pause that grows, when it has failed.

    argv: the program; it first says whether it is ready. env: its variables. seconds: how long an answer may take.
    """

    def __init__(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argv = list(argv)
        self._env = dict(env)
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._program: _Program | None = None
        self._failures = 0
        self._problem = ""
        self._not_before = 0.0

    def ask(self, method: str, **params: Any) -> Any:
        """Return the answer. Raises EngineUnavailable: nobody answers, or the answer is that it cannot be done."""
        with self._lock:
            try:
                answer = self._running().ask({"method": method, "params": params}, self._seconds)
            except _SilentError as silence:
                raise self._failed(str(silence)) from None
            self._failures = 0
        if "error" in answer:
            raise EngineUnavailable(f"Ray: {answer['error']}")
        return answer["result"]

    def close(self) -> None:
        """End the program."""
        with self._lock:
            self._end()

    def _running(self) -> _Program:
        if self._program is None:
            if self._clock() < self._not_before:
                raise EngineUnavailable(f"{self._problem}; tried again in {self._not_before - self._clock():.0f} s")
            self._program = _Program(self._argv, self._env)
            greeting = self._program.answer(self._seconds)
            if "error" in greeting:
                raise _SilentError(f"Ray: {greeting['error']}")
        return self._program

    def _failed(self, problem: str) -> EngineUnavailable:
        self._end()
        self._problem = problem
        self._not_before = self._clock() + min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        return EngineUnavailable(problem)

    def _end(self) -> None:
        if self._program is not None:
            self._program.end()
            self._program = None


class _SilentError(Exception):
    """The program cannot be started, has ended, or does not answer in time."""


class _Program:
    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        try:
            self._process = subprocess.Popen(
                argv,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise _SilentError(f"{argv[0]} cannot be started: {error}; ORRIS_RUNS_RAY_PYTHON names another") from None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._errors: collections.deque[bytes] = collections.deque(maxlen=_ERROR_LINES)
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=self._read_errors, daemon=True).start()

    def ask(self, request: Mapping[str, Any], seconds: float) -> Any:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise _SilentError(self._how_it_ended()) from None
        return self.answer(seconds)

    def answer(self, seconds: float) -> Any:
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            message = f"the Ray cluster does not answer within {seconds:g} s: look whether its head runs (`ray status`)"
            raise _SilentError(message) from None
        if not line:
            raise _SilentError(self._how_it_ended())
        return json.loads(line)

    def end(self) -> None:
        """End it at once: nothing of it is worth waiting for."""
        assert self._process.stdin is not None
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(BrokenPipeError):  # what was not sent yet is sent to nobody
            self._process.stdin.close()

    def _how_it_ended(self) -> str:
        said = b" ".join(self._errors).decode(errors="replace").strip()
        return f"the connection to the Ray cluster was lost: {said or 'its head has ended, or the machine left it'}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put(b"")

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as output:
            for line in output:
                self._errors.append(line.strip()[:500])
