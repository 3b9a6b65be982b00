"""The Docker Engine of this machine, through the docker SDK, which is loaded at the first call."""

from __future__ import annotations

import os
import pwd
import socket
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orris_agent.runtimes.port import NotNowError
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from docker import APIClient

_T = TypeVar("_T")

NO_SOCKET = "there is no such socket"

_DEFAULT = "unix:///var/run/docker.sock"
_CALL_SECONDS = 60
_PULL_SECONDS = 600  # without a word from the engine
_PING_SECONDS = 5.0


class EngineAwayError(NotNowError):
    """The engine does not answer; the message says why. What it was asked may have been done."""


class Engine:
    """The engine that the SDK's own variables name (DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH)."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.address = environ.get("DOCKER_HOST") or _DEFAULT

    @cached_property
    def api(self) -> APIClient:
        """The client for short calls. Blocking; raises what `call` makes EngineAwayError of."""
        return self._client(_CALL_SECONDS)

    @cached_property
    def patient_api(self) -> APIClient:
        """The client for pulls and for following events."""
        return self._client(_PULL_SECONDS)

    async def call(self, function: Callable[[APIClient], _T]) -> _T:
        """Return what a function of the client gives, called in a thread. Raises EngineAwayError, APIError."""
        return await run_blocking(self.blocking, function)

    def blocking(self, function: Callable[[APIClient], _T], *, patient: bool = False) -> _T:
        """Return what a function of the client gives. Raises EngineAwayError, APIError."""
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        try:
            return function(self.patient_api if patient else self.api)
        except APIError:
            raise
        except (DockerException, RequestException, OSError) as error:
            message = f"waits for the container engine ({self.address}), which does not answer: {_reason(error)}"
            raise EngineAwayError(message, reason="ENGINE_UNREACHABLE") from error

    def silence(self) -> str:
        """Return why the engine does not answer; empty where it does.

        Found out quickly, and without the SDK where the engine listens on a socket.
        """
        if self.address.startswith("unix://"):
            return _silence(self.address.removeprefix("unix://"))
        try:
            return "" if self.blocking(lambda api: api.ping()) else "it answers, but not as an engine does"
        except (EngineAwayError, OSError, ValueError) as error:
            return _reason(error)

    def _client(self, seconds: int) -> APIClient:
        from docker import APIClient
        from docker.utils import kwargs_from_env

        return APIClient(version="auto", timeout=seconds, **kwargs_from_env(environment=dict(self._environ)))


def _silence(path: str) -> str:
    try:
        if not Path(path).is_socket():
            return NO_SOCKET
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PING_SECONDS)
            connection.connect(path)
            connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            said = connection.recv(64)
    except PermissionError:
        return f"the agent's user ({_user()}) may not use its socket; add that user to the socket's group, docker"
    except OSError as error:
        return _reason(error)
    if said.startswith((b"HTTP/1.0 200", b"HTTP/1.1 200")):
        return ""
    line = said.partition(b"\r")[0].decode("utf-8", "replace")
    return f"it answers {line!r}, not as an engine does"


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _reason(error: BaseException) -> str:
    """Return the innermost reason: what is around it names the SDK's classes, not what is wrong."""
    while True:
        inner = next((each for each in (*error.args, error.__cause__) if isinstance(each, BaseException)), None)
        if inner is None:
            break
        error = inner
    return str(getattr(error, "strerror", None) or error)[:300]
