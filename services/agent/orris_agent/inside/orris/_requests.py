"""Requests to the agent that need an answer, over run.sock (ARCHITECTURE.md, "Requests over run.sock")."""

import json
import os
import time

from . import _exceptions
from ._values import plain

PATIENCE_SECONDS = 60.0  # an agent that restarts is back sooner
LONGEST_ANSWER = 64 << 20
LONGEST_REQUEST = 4 << 20  # what the agent reads
ERRORS = {
    "InvalidArgument": _exceptions.UserErrorException,
    "FailedPrecondition": _exceptions.UserErrorException,
    "AlreadyExists": _exceptions.UserErrorException,
    "NotFound": _exceptions.ModelPathNotFoundException,
    "PermissionDenied": _exceptions.AuthenticationException,
    "Unimplemented": _exceptions.NotSupportedException,
    "Unauthenticated": _exceptions.AuthenticationException,
}


def ask(run_folder, method: str, params=None, patience=PATIENCE_SECONDS) -> dict:
    """Return the agent's result. Raises the exception that its error means; ServiceException when it does not answer.

    The request is sent again, with the same id, when the agent goes away before it answers: an id is done once.
    """
    request = json.dumps({"id": os.urandom(16).hex(), "method": method, "params": params or {}}, default=plain) + "\n"
    if len(request) > LONGEST_REQUEST:
        raise _exceptions.UserErrorException("%s: more is asked for than 4 MiB of text say; ask for less" % method)
    give_up = time.time() + patience
    while True:
        try:
            answer = _exchange(os.path.join(run_folder, "run.sock"), request.encode("ascii"))
            break
        except (ConnectionError, FileNotFoundError) as error:
            if time.time() >= give_up:
                raise _exceptions.ServiceException("the agent does not answer %s: %s" % (method, error)) from error
            time.sleep(min(0.2, patience))
    failure = answer.get("error")
    if failure is not None:
        kind = ERRORS.get(failure.get("type"), _exceptions.ServiceException)
        raise kind("%s" % failure.get("message", "the agent refused %s" % method))
    return answer.get("result") or {}


def _exchange(path, request) -> dict:
    import socket  # takes milliseconds, and few runs ask

    with socket.socket(socket.AF_UNIX) as connection:
        _connect(connection, path)
        connection.sendall(request)
        with connection.makefile("rb") as answers:
            line = answers.readline(LONGEST_ANSWER)
    if not line.endswith(b"\n"):
        raise ConnectionError("the connection ended before the answer")
    return json.loads(line.decode("utf-8"))


def _connect(connection, path) -> None:
    """Connect to a path of any length; an address holds about 100 bytes."""
    if len(os.fsencode(path)) < 100:
        connection.connect(path)
        return
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        connection.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(path)))
    finally:
        os.close(folder)
