"""Sockets in a run's folder, through which what is executed there speaks to the agent."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def listen(path: Path, owner: tuple[int, int]) -> socket.socket:
    """Return a socket that listens at `path`, for a user and a group; one that was there before goes.

    It is bound through its folder's descriptor, as the path may be longer than an address (107 bytes).
    """
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = f"/proc/self/fd/{descriptor}/{path.name}"
        listener.bind(short if os.path.exists("/proc/self/fd") else str(path))
        if owner[0] != os.geteuid():
            os.chown(path, *owner)
    finally:
        os.close(descriptor)
    return listener
