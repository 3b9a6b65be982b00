"""Uploads and downloads through the service, while its object storage fails: named, nothing half there, good again."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1.artifacts_service_pb2 import GetStorageRequest
from orris.errors import FailedPrecondition, OrrisError, ResourceExhausted, Unavailable
from orris.sdk.content import CHUNK_BYTES
from tests.integration.artifacts.conftest import Impatient, Running, served
from tests.servers import minio as minio_server
from tests.servers import proxy as faults
from tests.servers.object_storage import ObjectStorage
from tests.servers.proxy import Proxy, proxy

pytestmark = [
    pytest.mark.needs("minio"),
    pytest.mark.filterwarnings("ignore:the object storage cannot be used from here"),
]
MIB = 1024 * 1024
DIRECTLY = pytest.mark.parametrize("presign", [True, False], ids=["directly", "through the service"])


class Lab:
    """A service whose way to its bucket leads through a proxy, and the same bucket past both."""

    def __init__(self, folder: Path, storage: ObjectStorage, between: Proxy, presign: bool) -> None:
        self.folder, self.storage, self.proxy = folder, storage, between
        self.bucket = storage.new_bucket()
        self.credentials = folder / "credentials"
        self.give_keys(storage.secret_key)
        self.running = Running(folder / "home")
        self.running.settings = Impatient(
            home=folder / "home",
            store=f"s3://{self.bucket}/lab-of-{secrets.token_hex(4)}",
            s3_endpoint=f"http://127.0.0.1:{between.port}",
            s3_credentials_file=self.credentials,
            s3_presign=presign,
        )
        (folder / "source").mkdir()

    def give_keys(self, secret_key: str) -> None:
        text = f"[default]\naws_access_key_id={self.storage.access_key}\naws_secret_access_key={secret_key}\n"
        self.credentials.write_text(text)

    def files(self) -> dict[str, Path]:
        """Write files that nobody has yet: some that travel together, one alone, one in chunks."""
        sizes = {"a.py": 10, "b.py": 20, "mib": MIB + 1, "chunks": CHUNK_BYTES + 2 * MIB}
        for name, size in sizes.items():
            (self.folder / "source" / name).write_bytes(os.urandom(size))
        return {name: self.folder / "source" / name for name in sizes}

    async def upload(self, files: dict[str, Path]) -> pb.Tree:
        return await asyncio.to_thread(self.running.transfer().upload, files)

    async def check(self, tree: pb.Tree, files: dict[str, Path]) -> None:
        """Check that a tree gives back what was uploaded."""
        into = self.folder / secrets.token_hex(4)
        await asyncio.to_thread(self.running.transfer().download, tree.name, into)
        assert {path.name: path.read_bytes() for path in into.iterdir()} == {
            name: path.read_bytes() for name, path in files.items()
        }

    async def trees(self) -> int:
        request = GetStorageRequest(name="workspaces/lab/storage")
        response = await asyncio.to_thread(self.running.stub().GetStorage, request)
        return int(response.storage.tree_count)

    def objects(self) -> dict[str, int]:
        """Return the sizes of the objects of blobs, by key."""
        found = self.storage.client().list_objects(self.bucket, recursive=True)
        return {str(each.object_name): each.size or 0 for each in found if "/lab/" in str(each.object_name)}

    def lose_bucket(self) -> None:
        client = self.storage.client()
        for each in client.list_objects(self.bucket, recursive=True):
            client.remove_object(self.bucket, str(each.object_name))
        client.remove_bucket(self.bucket)


@asynccontextmanager
async def laboratory(folder: Path, storage: ObjectStorage, presign: bool) -> AsyncIterator[Lab]:
    with proxy(storage.port) as between:
        lab = Lab(folder, storage, between, presign)
        async with served(lab.running):
            yield lab


def goes_down(lab: Lab) -> None:
    lab.proxy.always = faults.drop


def says_that_it_is_full(lab: Lab) -> None:
    def full(exchange: faults.Exchange) -> None:
        if exchange.command in ("PUT", "POST"):
            faults.says(507, "XMinioStorageFull")(exchange)
        else:
            faults.hand_on(exchange)

    lab.proxy.always = full


def comes_back(lab: Lab) -> None:
    lab.proxy.always = faults.hand_on


FAULTS: dict[str, tuple[Callable[[Lab], None], Callable[[Lab], None], type[OrrisError], str, str]] = {
    "down": (goes_down, comes_back, Unavailable, "STORE_UNREACHABLE", "retry, and see its log"),
    "full": (says_that_it_is_full, comes_back, ResourceExhausted, "STORE_FULL", "free space there, then retry"),
    "bucket": (
        Lab.lose_bucket,
        lambda lab: lab.storage.client().make_bucket(lab.bucket),
        FailedPrecondition,
        "BUCKET_MISSING",
        "bring it back",
    ),
    "keys": (
        lambda lab: lab.give_keys("wrong"),
        lambda lab: lab.give_keys(lab.storage.secret_key),
        FailedPrecondition,
        "STORE_REFUSES",
        "S3_SECRET_KEY, or the credentials file",
    ),
}


@DIRECTLY
@pytest.mark.parametrize("fault", FAULTS)
async def test_an_upload_fails_with_a_remedy_leaves_nothing_and_succeeds_afterwards(
    tmp_path: Path, minio: ObjectStorage, fault: str, presign: bool
) -> None:
    begin, end, error, reason, remedy = FAULTS[fault]
    async with laboratory(tmp_path, minio, presign) as lab:
        files = lab.files()
        begin(lab)
        with pytest.raises(error, match=remedy) as caught:
            await lab.upload(files)
        assert caught.value.reason == reason
        assert lab.storage.secret_key not in str(caught.value)
        assert await lab.trees() == 0
        end(lab)
        assert lab.objects() == {}
        tree = await lab.upload(files)
        assert await lab.trees() == 1
        await lab.check(tree, files)


@DIRECTLY
async def test_a_storage_that_goes_down_in_the_middle_leaves_whole_blobs_or_none(
    tmp_path: Path, minio: ObjectStorage, presign: bool
) -> None:
    """What was cut is nowhere. An object that came to its end, but was not acknowledged, is garbage: whole, too."""
    async with laboratory(tmp_path, minio, presign) as lab:
        files = lab.files()
        whole = {MIB + 1, CHUNK_BYTES, 2 * MIB, 30}
        lab.proxy.faults.extend([faults.hand_on, faults.hand_on])
        lab.proxy.always = faults.drop_early
        with pytest.raises(Unavailable) as caught:
            await lab.upload(files)
        assert caught.value.reason == "STORE_UNREACHABLE"
        assert await lab.trees() == 0
        before = lab.objects()
        assert set(before.values()) <= whole
        assert 1 <= len(before) <= 2
        comes_back(lab)
        tree = await lab.upload(files)
        assert set(before) <= set(lab.objects())
        assert set(lab.objects().values()) == whole
        await lab.check(tree, files)


@DIRECTLY
@pytest.mark.parametrize("fault", ["down", "keys"])
async def test_a_download_fails_with_a_remedy_leaves_nothing_and_succeeds_afterwards(
    tmp_path: Path, minio: ObjectStorage, fault: str, presign: bool
) -> None:
    begin, end, error, reason, remedy = FAULTS[fault]
    async with laboratory(tmp_path, minio, presign) as lab:
        files = lab.files()
        tree = await lab.upload(files)
        begin(lab)
        with pytest.raises(error, match=remedy) as caught:
            await asyncio.to_thread(lab.running.transfer().download, tree.name, tmp_path / "copy")
        assert caught.value.reason == reason
        assert {path.name for path in (tmp_path / "copy").iterdir()} <= set(files)
        end(lab)
        await lab.check(tree, files)


@pytest.mark.needs("tmpfs")
@DIRECTLY
async def test_a_storage_whose_disk_is_really_full_is_named_and_keeps_no_half_object(
    tmp_path: Path, presign: bool
) -> None:
    """How soon MinIO has room again is its own business; that uploads succeed then is proved above."""
    with minio_server.minio(tmp_path / "minio", megabytes=160) as storage:
        async with laboratory(tmp_path, storage, presign) as lab:
            client = storage.client()
            for number in range(10):
                client.put_object(lab.bucket, f"ballast/{number}", BytesIO(bytes(12 * MIB)), 12 * MIB)
            files = lab.files()
            more = tmp_path / "source" / "more"
            more.write_bytes(os.urandom(2 * CHUNK_BYTES))
            files["more"] = more
            with pytest.raises(ResourceExhausted, match="free space there, then retry") as caught:
                await lab.upload(files)
            assert caught.value.reason == "STORE_FULL"
            assert await lab.trees() == 0
            assert set(lab.objects().values()) <= {MIB + 1, CHUNK_BYTES, 2 * MIB, 30}
