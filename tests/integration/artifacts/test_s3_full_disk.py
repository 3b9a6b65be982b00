"""A bucket with room, and no room on the disk where bytes wait on their way there or from there."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import ResourceExhausted, from_rpc_error
from orris_artifacts.store.s3.store import S3Store
from tests.integration.artifacts.conftest import Serve
from tests.servers.buckets import options_of, untried
from tests.servers.object_storage import ObjectStorage
from tests.servers.small_disk import files_of_at_most

pytestmark = pytest.mark.needs("minio")

MIB = 1024 * 1024
HERE, NEW = "lab/aa/here", "lab/aa/new"
DATA = os.urandom(3 * MIB)


@pytest.fixture
def store(minio: ObjectStorage, tmp_path: Path) -> Iterator[S3Store]:
    made = untried(options_of(minio, spool=tmp_path / "spool"))
    yield made
    made.close()


def test_a_full_disk_is_named_and_nothing_is_half_there(store: S3Store, tmp_path: Path) -> None:
    store.put(HERE, DATA)
    with files_of_at_most(2 * MIB):
        with pytest.raises(ResourceExhausted, match=f"{tmp_path}/spool") as reading:
            store.open(HERE, 0, len(DATA))
        with pytest.raises(ResourceExhausted, match="ORRIS_ARTIFACTS_SPOOL") as writing, store.writer(NEW) as writer:
            writer.write(DATA)
        assert {reading.value.reason, writing.value.reason} == {"STORE_FULL"}
        assert store.read(HERE, 0, MIB) == DATA[:MIB]
    assert [each.key for each in store.list("")] == [HERE]
    assert list((tmp_path / "spool").iterdir()) == []
    with closing(store.open(HERE, 0, len(DATA))) as content:
        assert b"".join(content.pieces()) == DATA


async def test_a_client_is_told_and_the_blob_goes_through_once_there_is_room(serve: Serve) -> None:
    digest = hashlib.sha256(DATA).hexdigest()
    async with serve(s3_presign=False) as running:
        stub = running.stub()

        def up() -> None:
            pieces = (rpc.UploadBlobRequest(data=DATA[begin : begin + MIB]) for begin in range(0, len(DATA), MIB))
            first = rpc.UploadBlobRequest(parent="workspaces/lab", digest=digest, size=len(DATA))
            stub.UploadBlob(iter([first, *pieces]), timeout=30)

        def down() -> None:
            request = rpc.DownloadBlobRequest(name=f"workspaces/lab/blobs/{digest}")
            assert b"".join(answer.data for answer in stub.DownloadBlob(request, timeout=30)) == DATA

        for ask in (up, down):
            with files_of_at_most(2 * MIB), pytest.raises(grpc.RpcError) as caught:
                await asyncio.to_thread(ask)
            told = from_rpc_error(caught.value)
            assert (type(told), told.reason) == (ResourceExhausted, "STORE_FULL")
            assert "ORRIS_ARTIFACTS_SPOOL" in told.message
            await asyncio.to_thread(ask)
