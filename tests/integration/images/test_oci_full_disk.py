"""Container images on a disk that is too small for them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orris.errors import ResourceExhausted
from orris_kit.disk_full import full_disk_named
from tests.integration.images.containers import Maker
from tests.servers.docker import Engine

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("tmpfs"), pytest.mark.needs("pypi")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "orris-test", folder], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def grow(disk: Path, megabytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={megabytes}m", disk], check=True)


@pytest.mark.parametrize("megabytes", [8, 90])
def test_a_full_disk_is_named_and_once_there_is_room_the_image_is_made(
    engine: Engine, disk: Path, megabytes: int
) -> None:
    """8 MiB are too little for the packages, 90 for their layers."""
    maker = Maker(disk / "images", engine, None)
    lock = maker.lock("numpy==2.2.6")
    grow(disk, megabytes)
    with pytest.raises(ResourceExhausted) as caught, full_disk_named():  # as the service does
        maker.build(lock)
    assert caught.value.reason == "DISK_FULL"
    assert any("installed in" in line for line in maker.log) == (megabytes > 8)
    assert list((disk / "images").glob("layers/*.tmp")) == []
    assert engine.containers_of_builds() == []
    grow(disk, 400)
    reference = maker.build(lock)
    assert maker.run(reference, "python", "-c", "import numpy; print(numpy.__version__)") == "2.2.6"
    maker.builder.delete(lock.image_id, reference)
