"""A disk below an object storage that lets bits flip: the blob is named, and all else goes on.

MinIO on a single disk finds it out by itself and sends no wrong byte, but has no word for it: it answers 503, or breaks
off.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from orris.errors import DataLoss, Unavailable
from orris_artifacts.store.port import ObjectLost
from orris_artifacts.store.s3.options import Patience
from tests.integration.artifacts.conftest import Impatient, Running, served
from tests.servers import minio as minio_server
from tests.servers import proxy as faults
from tests.servers.buckets import options_of, untried
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import proxy

pytestmark = pytest.mark.needs("minio")
MIB = 1024 * 1024
Flip = Callable[[bytes], None]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[ObjectStorage]:
    """A MinIO whose disk a test may spoil."""
    with minio_server.minio(tmp_path / "minio") as storage:
        yield storage


@pytest.fixture
def flip(own: ObjectStorage, tmp_path: Path) -> Flip:
    """Changes a bit on the disk where these bytes are; a second time, it is as it was."""

    def flip_where(content: bytes) -> None:
        for path in (tmp_path / "minio" / "data" / own.bucket).rglob("*"):
            if path.is_file() and (at := path.read_bytes().find(content)) >= 0:
                with path.open("r+b") as file:
                    file.seek(at)
                    file.write(bytes([content[0] ^ 1]))
                    return
        raise AssertionError("these bytes are nowhere on the disk")

    return flip_where


@pytest.mark.parametrize("size", [100, 2 * MIB, 16 * MIB])
def test_an_object_that_cannot_be_read_while_others_can_is_lost(own: ObjectStorage, flip: Flip, size: int) -> None:
    store = untried(options_of(own, patience=Patience(attempts=0.2)))
    data = os.urandom(size)
    store.put("lab/aa/rotten", data)
    store.put("lab/aa/good", data[::-1])
    middle = data[size // 2 :][:64]
    flip(middle)
    for offset, length in ((0, None), (size // 2, 10)):
        with pytest.raises(ObjectLost, match="gives other objects, but not lab/aa/rotten"):
            store.read("lab/aa/rotten", offset, length)
    assert store.read("lab/aa/good") == data[::-1]
    assert sorted(each.key for each in store.list("")) == ["lab/aa/good", "lab/aa/rotten"]
    flip(bytes([middle[0] ^ 1]) + middle[1:])
    assert store.read("lab/aa/rotten") == data


def test_while_others_cannot_be_read_either_nothing_is_lost(own: ObjectStorage) -> None:
    with proxy(own.port) as between:
        options = options_of(own, endpoint=f"http://127.0.0.1:{between.port}", patience=Patience(attempts=0.2))
        store = untried(options)
        store.put("lab/aa/object", b"data")

        def spoil(exchange: faults.Exchange) -> None:
            (faults.says(503, "SlowDownRead") if exchange.command == "GET" else faults.hand_on)(exchange)

        between.always = spoil
        for _ in range(3):
            with pytest.raises(Unavailable):
                store.read("lab/aa/object")
        between.always = faults.hand_on
        assert store.read("lab/aa/object") == b"data"


@pytest.mark.parametrize("presign", [True, False], ids=["directly", "through the service"])
@pytest.mark.parametrize("size", [100, 2 * MIB])
async def test_a_rotten_blob_is_named_and_the_next_upload_mends_it(
    own: ObjectStorage, flip: Flip, tmp_path: Path, size: int, presign: bool
) -> None:
    running = Running(tmp_path / "home")
    running.settings = Impatient(
        home=tmp_path / "home",
        store=f"s3://{own.bucket}/rotten",
        s3_endpoint=own.endpoint,
        s3_access_key=SecretStr(own.access_key),
        s3_secret_key=SecretStr(own.secret_key),
        s3_presign=presign,
    )
    data, good = os.urandom(size), os.urandom(2 * MIB)
    digest = hashlib.sha256(data).hexdigest()

    def story() -> None:
        transfer = running.transfer()
        tree = transfer.upload_bytes({"rotten": data, "good": good}).name
        flip(data[:64])
        with pytest.raises(DataLoss, match=digest) as caught:
            transfer.download(tree, tmp_path / "copy")
        assert caught.value.reason == "BLOB_DAMAGED"
        assert not (tmp_path / "copy" / "rotten").exists()
        assert transfer.read(tree, "good") == good
        assert transfer.upload_bytes({"rotten": data, "good": good}).name == tree
        assert transfer.read(tree, "rotten") == data

    async with served(running):
        await asyncio.to_thread(story)
