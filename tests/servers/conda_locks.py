"""What a lock says of packages in the folder of a channel."""

from __future__ import annotations

import json
from pathlib import Path

from orris_kit.conda_package import CondaPackage


def locked(channel: Path, *wanted: str) -> list[CondaPackage]:
    """Return packages of a channel, each named as `nest` or `nest-7.0.1`."""
    known = [one for index in sorted(channel.glob("*/repodata.json")) for one in _packages(channel, index)]
    return [next(one for one in known if name in (one.name, f"{one.name}-{one.version}")) for name in wanted]


def _packages(channel: Path, index: Path) -> list[CondaPackage]:
    said = json.loads(index.read_bytes())
    return [
        CondaPackage(one["name"], one["version"], one["build"], channel.name, one["subdir"], file_name, one["sha256"])
        for kind in ("packages", "packages.conda")
        for file_name, one in said[kind].items()
    ]
