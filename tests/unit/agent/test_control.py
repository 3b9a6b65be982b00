"""What an agent tells supervisors is there completely, whatever the disk has room for."""

from __future__ import annotations

from pathlib import Path

import pytest

from orris_agent import control
from tests.servers.small_disk import fill


def test_a_run_is_kept_alive_though_the_disk_has_become_full(small_disk: Path) -> None:
    control.set_deadline(small_disk, 1234.5)
    fill(small_disk)
    control.set_deadline(small_disk, 1264.5)
    assert (small_disk / "deadline").read_text() == "1264.500\n"
    assert sorted(each.name for each in small_disk.iterdir()) == ["deadline", "filler"]


def test_what_cannot_be_told_is_not_half_told(small_disk: Path) -> None:
    fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        control.set_deadline(small_disk, 1234.5)
    assert [each.name for each in small_disk.iterdir()] == ["filler"]
