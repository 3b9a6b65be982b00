"""The Orris that runs on this machine, as `orris up` left word of it in `instance.json`."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import dataclass
from pathlib import Path

FILE = "instance.json"


@dataclass(frozen=True, slots=True)
class Instance:
    """What is known of a local instance. `address` and `http_address` are `host:port`, `started` is in unix seconds."""

    pid: int
    address: str
    http_address: str
    token_file: Path
    version: str
    started: float


def default_home() -> Path:
    """Return where Orris keeps its things: ORRIS_HOME, else `$XDG_DATA_HOME/orris`, else `~/.local/share/orris`."""
    if home := os.environ.get("ORRIS_HOME"):
        return Path(home).expanduser()
    data = os.environ.get("XDG_DATA_HOME", "")
    # The XDG Base Directory specification: a relative path there is to be ignored.
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share") / "orris"


def find_instance(home: Path | None = None) -> Instance | None:
    """Return the instance that runs from `home`, or None: no file, an unreadable one, or one left by a dead process."""
    home = home or default_home()
    try:
        found = json.loads((home / FILE).read_text())
        instance = Instance(
            pid=int(found["pid"]),
            address=str(found["address"]),
            http_address=str(found.get("http_address") or ""),
            token_file=home / str(found["token_file"]),
            version=str(found.get("version") or ""),
            started=float(found.get("started") or 0),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return instance if _alive(instance.pid) else None


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
