"""Choose ports: those asked for, else those of last time, else the usual ones, else any."""

from __future__ import annotations

import errno
import json
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from orris import errors
from orris_kit.files import replace

FILE = "ports.json"
USUAL_GRPC, USUAL_HTTP = 6747, 6748


@dataclass(frozen=True)
class Ports:
    """Where an instance listens. Addresses of endpoints hold over a restart because a home keeps its ports."""

    grpc: int
    http: int


def choose(home: Path, grpc: int | None, http: int | None) -> Ports:
    """Return free ports and remember them. Raises Unavailable when a port that was asked for is taken."""
    last = _remembered(home)
    chosen_grpc = _asked("--port", grpc) if grpc else _free(last.grpc)
    chosen_http = _asked("--http-port", http) if http else _free(last.http, chosen_grpc)
    ports = Ports(chosen_grpc, chosen_http)
    replace(home / FILE, json.dumps(asdict(ports)).encode() + b"\n", mode=0o600)
    return ports


def _remembered(home: Path) -> Ports:
    try:
        return Ports(**json.loads((home / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return Ports(USUAL_GRPC, USUAL_HTTP)


def _asked(option: str, port: int) -> int:
    if not _is_free(port):
        raise errors.Unavailable(f"{option}: port {port} is in use. Choose another, or leave it out to get a free one.")
    return port


def _free(preferred: int, taken: int | None = None) -> int:
    if preferred != taken and _is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True
