"""A database on a full disk: that is named, nothing is half there, and it goes on when there is room again."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from orris.artifacts.v1.artifacts_service_pb2 import GetStorageRequest
from orris.errors import ResourceExhausted
from orris.sdk.connection import Connection
from orris.sdk.transfer import Transfer
from orris_kit.auth import Principal, Role, TokenSigner
from tests.servers.programs import Program, free_ports
from tests.servers.small_disk import on_a_disk, seen_by

pytestmark = pytest.mark.needs("tmpfs")
MEGABYTES = 8
FILES = 300


class Service:
    """The artifacts service as a process whose database, and nothing else, is on a small disk."""

    def __init__(self, folder: Path) -> None:
        home, (port,) = folder / "home", free_ports(1)
        home.mkdir()
        signer = TokenSigner(folder / "signing.key")
        address = ("127.0.0.1", port)
        env = {
            "ORRIS_HOME": str(home),
            "ORRIS_PUBLIC_KEY": str(folder / "signing.pub"),
            "ORRIS_ARTIFACTS_LISTEN": f"127.0.0.1:{port}",
            "ORRIS_ARTIFACTS_STORE": str(folder / "store"),
        }
        argv = on_a_disk(MEGABYTES, home, [sys.executable, "-m", "orris_artifacts"])
        self._home = home
        self.program = Program(argv, env, folder / "log", lambda: _listens(address))
        token = signer.sign(Principal("ada", Role.USER, "lab"), timedelta(hours=1))
        self.stub = Connection(f"127.0.0.1:{port}", token).artifacts
        self.transfer = Transfer(self.stub, "lab")

    @property
    def _ballast(self) -> Path:
        return seen_by(self.program.pid, self._home) / "ballast"

    def fill_disk(self) -> None:
        """Fill the disk to its last byte."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096):
                while _written(file.fileno(), bytes(size)):
                    pass

    def free_disk(self) -> None:
        self._ballast.unlink()

    def trees(self) -> int:
        return int(self.stub.GetStorage(GetStorageRequest(name="workspaces/lab/storage")).storage.tree_count)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    made.program.start()
    yield made
    made.program.stop()


def many(seed: int) -> dict[str, bytes]:
    return {f"{seed}/{number}": f"{seed} {number} {secrets.token_hex(4)}".encode() for number in range(FILES)}


def test_an_upload_fails_with_a_remedy_and_succeeds_when_there_is_room_again(service: Service, tmp_path: Path) -> None:
    first = many(0)
    tree = service.transfer.upload_bytes(first)
    service.fill_disk()
    kept = 1
    with pytest.raises(ResourceExhausted, match="disk is full; free space there, then retry") as caught:
        for seed in range(1, 100):  # there is some room in the files that the database has already
            last = many(seed)
            service.transfer.upload_bytes(last)
            kept += 1
    assert caught.value.reason == "DATABASE_FULL"
    assert service.trees() == kept
    service.transfer.download(tree.name, tmp_path / "copy")
    service.free_disk()
    again = service.transfer.upload_bytes(last)
    assert service.trees() == kept + 1
    service.transfer.download(again.name, tmp_path / "copy")
    found = {path.relative_to(tmp_path / "copy").as_posix(): path for path in (tmp_path / "copy").rglob("*")}
    assert {name: found[name].read_bytes() for name in (*first, *last)} == {**first, **last}


def _written(descriptor: int, data: bytes) -> bool:
    try:
        os.write(descriptor, data)
    except OSError:
        return False
    return True


def _listens(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True
