"""A disk that is full is named as that, with what to do, wherever an image is being made."""

from __future__ import annotations

import errno
import os
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orris.errors import ResourceExhausted, Unavailable
from orris_images.build.oci.compiling import compile_sources
from orris_images.build.oci.engine import Engine, translated
from orris_images.build.oci.inside import _extract
from orris_images.build.oci.layers import write_layer
from orris_images.records import State
from orris_kit import uv
from orris_kit.disk_full import full_disk_named
from orris_kit.process import Finished
from tests.servers.small_disk import fill
from tests.unit.images.conftest import Machine

FULL = [errno.ENOSPC, errno.EDQUOT]
LARGE = 6 << 20


def system_says(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", FULL)
def test_a_build_on_a_full_disk_says_so_and_what_to_do(machine: Machine, number: int) -> None:
    machine.builder.error = system_says(number)
    ended = machine.finish(machine.create("six"))
    assert ended.state is State.FAILED
    assert "the disk is full" in ended.error
    assert "orris images gc" in ended.error
    assert "internal error" not in machine.log(ended)


def test_another_error_of_the_system_is_still_a_reason_of_ours(machine: Machine) -> None:
    machine.builder.error = system_says(errno.EIO)
    assert "internal error" in machine.finish(machine.create("six")).error


@pytest.mark.parametrize("number", FULL)
def test_a_full_disk_here_is_no_engine_that_is_silent(number: int) -> None:
    with pytest.raises(ResourceExhausted) as caught, translated():
        raise system_says(number)
    assert caught.value.reason == "DISK_FULL"
    with pytest.raises(Unavailable) as other, translated():
        raise system_says(errno.ECONNREFUSED)
    assert other.value.reason == "ENGINE_UNREACHABLE"


class LoadingApi:
    """An engine's client that takes an archive and tells of it what it was told."""

    def __init__(self, told: str) -> None:
        self._told = told

    def load_image(self, archive: Iterable[bytes], quiet: bool) -> Iterable[dict[str, Any]]:
        b"".join(archive)
        yield {"error": self._told}


def test_an_engine_whose_disk_is_full_says_so_while_it_loads() -> None:
    engine = Engine({})
    said = "Error processing tar file(exit status 1): write /opt/a.so: no space left on device"
    engine.__dict__["_opened"] = SimpleNamespace(api=LoadingApi(said))
    with pytest.raises(ResourceExhausted, match="docker system df") as caught:
        engine.load([b"archive"])
    assert caught.value.reason == "DISK_FULL"
    assert "/opt/a.so" in caught.value.message


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    folder = tmp_path / "environment"
    folder.mkdir()
    (folder / "large.bin").write_bytes(bytes(LARGE))
    return folder


def test_a_layer_that_finds_no_room_is_a_full_disk(environment: Path, small_disk: Path) -> None:
    with pytest.raises(ResourceExhausted), full_disk_named():
        write_layer(small_disk / "layer.tar", environment, ["large.bin"], "cpython-311", lambda: None)


def test_what_comes_out_of_a_container_and_finds_no_room_is_a_full_disk(environment: Path, small_disk: Path) -> None:
    archive = environment.parent / "archive.tar"
    with tarfile.open(archive, "w") as made:
        made.add(environment, "environment")
    with pytest.raises(ResourceExhausted), translated():
        _extract(iter([archive.read_bytes()]), small_disk / "environment")


def test_bytecode_that_finds_no_room_is_not_left_out(small_disk: Path) -> None:
    """An image without it would start slowly for ever."""
    folder = small_disk / "environment"
    folder.mkdir()
    (folder / "module.py").write_text("".join(f"x{number} = {number}\n" for number in range(20_000)))
    fill(small_disk, but=8192)  # for the list of names, which is beside the environment
    with pytest.raises(ResourceExhausted, match="No space left"):
        compile_sources(Path(sys.executable), folder, "/opt/environment", ["module.py"], dict(os.environ), 60, None)


@pytest.mark.parametrize(
    "said",
    ["error: failed to copy: No space left on device (os error 28)", "error: Disk quota exceeded (os error 122)"],
)
def test_what_uv_says_of_a_full_disk_is_understood(said: str) -> None:
    error = uv.not_installed(Finished(2, "", ("Resolved 1 package", f"error: failed to copy: {said}")))
    assert isinstance(error, ResourceExhausted)
    assert error.reason == "DISK_FULL"
    assert not isinstance(uv.not_installed(Finished(1, "", ("error: something else",))), ResourceExhausted)
