"""Two artifacts services over one PostgreSQL and one bucket: whichever a client calls, it finds the same."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris_artifacts import schema
from orris_kit.auth import Role
from orris_kit.client import connect
from orris_kit.database import read, write
from orris_kit.database.opening import make_engine
from orris_runs import artifacts_client
from tests.integration.artifacts.twins import Twins, twins
from tests.servers.databases import NewDatabase
from tests.servers.object_storage import ObjectStorage

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.needs("minio")]
LAB = "workspaces/lab"
MIB = 1024 * 1024


@pytest.fixture
def database(new_postgres: NewDatabase) -> str:
    return new_postgres()


def written(folder: Path, sizes: list[int], seed: int = 0) -> dict[str, Path]:
    """Write files of these sizes."""
    folder.mkdir()
    dice = random.Random(seed)
    files = {f"{number}.bin": folder / f"{number}.bin" for number in range(len(sizes))}
    for file, size in zip(files.values(), sizes, strict=True):
        file.write_bytes(dice.randbytes(size))
    return files


def check(twins: Twins, address: str, tree: str, files: dict[str, Path], into: Path) -> None:
    """Check that a service gives what was stored, byte for byte."""
    twins.transfer(address).download(tree, into)
    assert sorted(path.name for path in into.iterdir()) == sorted(files)
    assert all((into / name).read_bytes() == file.read_bytes() for name, file in files.items())


def refer(twins: Twins, address: str, owner: str, tree: str) -> None:
    reference = pb.Reference(owner=f"{LAB}/runs/{owner}", trees=[tree])
    twins.stub(address, Role.SERVICE).SetReference(rpc.SetReferenceRequest(parent=LAB, reference=reference))


def test_what_is_stored_through_one_is_there_for_the_other(tmp_path: Path, database: str, minio: ObjectStorage) -> None:
    files = written(tmp_path / "source", [3, 70_000, 2 * MIB, 17 * MIB])
    with twins(tmp_path, database, minio) as both:
        first, second = both.addresses
        tree = both.transfer(first).upload(files)
        digests = [chunk.digest for entry in both.transfer(second).entries(tree.name) for chunk in entry.chunks]
        asked = rpc.FindMissingBlobsRequest(parent=LAB, digests=digests)
        assert list(both.stub(second).FindMissingBlobs(asked).missing_digests) == []
        assert both.transfer(second).upload(files).name == tree.name
        check(both, second, tree.name, files, tmp_path / "copy")


@pytest.mark.parametrize("directly", ["true", "false"])
def test_an_upload_goes_on_through_the_other_when_one_is_killed(
    tmp_path: Path, database: str, minio: ObjectStorage, directly: str
) -> None:
    files = written(tmp_path / "source", [MIB + MIB // 2] * 24 + [5_000] * 300)
    with twins(tmp_path, database, minio, S3_PRESIGN=directly) as both:
        answered: list[list[int]] = []
        lock = threading.Lock()

        def kill_in_the_middle(done: int, total: int) -> None:
            with lock:
                if not answered and total / 3 < done < total:
                    both.programs[0].stop()  # SIGKILL
                    answered.append([both.said(number, "call") for number in (0, 1)])

        tree = both.transfer(both.either).upload(files, kill_in_the_middle)
        ((by_the_first, by_the_second),) = answered
        assert by_the_first > 0 == by_the_second
        refer(both, both.either, "r1", tree.name)
        check(both, both.either, tree.name, files, tmp_path / "through-either")
        both.programs[0].start()
        check(both, both.addresses[0], tree.name, files, tmp_path / "through-the-first")


async def test_another_service_goes_on_with_the_one_that_is_left(
    tmp_path: Path, database: str, minio: ObjectStorage
) -> None:
    contract = artifacts_client.CONTRACTS[0]
    with twins(tmp_path, database, minio) as both:
        channel = connect(both.either, lambda: both.token(Role.SERVICE), services=[contract])
        artifacts = artifacts_client.ArtifactsClient(channel)
        digest = await artifacts.store("lab", b"log")
        both.programs[0].stop()
        assert await artifacts.store("lab", b"log") == digest
        assert b"".join([data async for data in artifacts.read("lab", digest, 0, 3)]) == b"log"
        await channel.close()


class Uploader:
    """Stores and refers through one service and another, again and again, files that others store as well."""

    def __init__(self, twins: Twins, files: dict[str, Path], number: int) -> None:
        self._twins = twins
        self._files = files
        self._dice = random.Random(number)
        self._number = number
        self.stored: dict[str, dict[str, Path]] = {}

    def store(self, enough: Callable[[], bool]) -> None:
        while len(self.stored) < 5 or not enough():
            files = dict(self._dice.sample(sorted(self._files.items()), 6))
            tree = self._twins.transfer(self._any()).upload(files)
            refer(self._twins, self._any(), f"{self._number}-{len(self.stored)}", tree.name)
            self.stored[tree.name] = files

    def _any(self) -> str:
        return self._dice.choice(self._twins.addresses)


def age(engine: sa.Engine) -> None:
    """Let all that is stored have been used two days earlier."""
    with write(engine) as connection:
        for table in (schema.blobs, schema.trees):
            earlier = sa.type_coerce(table.c.use_time, sa.BigInteger) - timedelta(days=2) // timedelta(microseconds=1)
            connection.execute(table.update().values(use_time=earlier))


def test_both_collect_garbage_while_files_are_stored_through_both(
    tmp_path: Path, database: str, minio: ObjectStorage
) -> None:
    files = written(tmp_path / "source", [20_000] * 40)
    loose = written(tmp_path / "loose", [10_000] * 40, seed=1)
    with twins(tmp_path, database, minio, SWEEP_INTERVAL="1", GRACE="600") as both:
        for address in both.addresses:
            both.transfer(address).upload({**files, **loose})
            both.transfer(address).upload(dict(list(files.items())[:7]))
        engine = make_engine(database, "orris_artifacts")
        age(engine)
        uploaders = [Uploader(both, files, number) for number in range(4)]

        def collected() -> bool:
            return all(both.said(number, "garbage collected") > 2 for number in (0, 1))

        with ThreadPoolExecutor(len(uploaders)) as threads:
            for future in [threads.submit(each.store, collected) for each in uploaders]:
                future.result(120)
        stored = {tree: files for each in uploaders for tree, files in each.stored.items()}
        for number, (tree, some) in enumerate(stored.items()):
            check(both, both.addresses[number % 2], tree, some, tmp_path / f"copy-{number}")
        with read(engine) as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(schema.trees)) == len(stored)
        engine.dispose()
        digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in loose.values()]
        asked = rpc.FindMissingBlobsRequest(parent=LAB, digests=digests)
        for address in both.addresses:
            assert sorted(both.stub(address).FindMissingBlobs(asked).missing_digests) == sorted(digests)
        assert not any(both.said(number, "collecting garbage failed; it is tried again next time") for number in (0, 1))
