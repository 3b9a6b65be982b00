"""The Ray cluster that an agent's machine is a part of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RayCluster:
    """Where the head listens, the versions of Ray and Python in the cluster, and what `n_jobs=-1` means there."""

    address: str
    token_file: Path
    version: str
    python_version: str
    processors: int = 0
