"""What tests of several subjects need."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes 4 MiB: a disk of its own where this user may mount one, else by a limit on files."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "orris-test", folder], capture_output=True)
    if mounted.returncode == 0:
        yield folder
        subprocess.run(["umount", folder], check=True)
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 1024 * 1024, before[1]))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
