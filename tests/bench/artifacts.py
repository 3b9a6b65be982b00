"""Files to and from MinIO through Orris, against MinIO's own SDK on the same server."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from orris import Workspace
from orris.artifacts.v1.artifacts_pb2 import Storage
from orris.artifacts.v1.artifacts_service_pb2 import GetStorageRequest
from orris.sdk.digest_cache import RACY_NS, DigestCache
from orris.sdk.snapshot import snapshot
from orris.sdk.transfer import Transfer
from orris_standalone import control
from tests.bench.files import FILE_BYTES, FILES, large_file, renew, small_files
from tests.bench.minio_sdk import MinioSdk
from tests.bench.programs import output
from tests.bench.rows import Row, interleaved, measured, seconds, skipped
from tests.bench.standalone import home_folder, instance
from tests.servers.minio import minio
from tests.servers.object_storage import ObjectStorage

MIB = 1024 * 1024
# A large file is there three times at once, and a storage wants some of its disk left.
ROOM = 4
PRESIGN = "ORRIS_ARTIFACTS_S3_PRESIGN"
GOAL = ">= 0.9"
PEAK = """
import sys
from pathlib import Path
from orris import Workspace
transfer = Workspace.get("default").transfer
if sys.argv[1] == "up": transfer.upload({"f": Path(sys.argv[2])})
else: transfer.download(sys.argv[2], Path(sys.argv[3]))
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) / 1024)
"""


def rows() -> Iterator[Row]:
    if not shutil.which("minio"):
        yield skipped("artifacts on MinIO", "MB/s", GOAL, "no minio on PATH")
        return
    with tempfile.TemporaryDirectory(prefix="orris-bench-minio-") as name, minio(Path(name)) as storage:
        os.environ.update(storage.environment("bench"))
        try:
            with home_folder() as home, instance(home):
                bench = Bench(storage, Path(name), home)
                yield from bench.large(64 * MIB, 5)
                yield from bench.huge(4096 * MIB)
                yield bench.small()
                yield from bench.resubmission()
            os.environ.update({**storage.environment("through"), PRESIGN: "false"})
            with home_folder() as home, instance(home):
                yield Bench(storage, Path(name), home).memory_of_the_way_through(1024 * MIB)
        finally:
            for variable in (*storage.environment(""), PRESIGN):
                os.environ.pop(variable, None)


class Bench:
    """One instance on one object storage, and the SDK's client of the same."""

    def __init__(self, storage: ObjectStorage, folder: Path, home: Path) -> None:
        self.storage = storage
        self.peer = MinioSdk(storage.client(), storage.new_bucket(), folder)
        self.workspace = Workspace.get("default")
        self.transfer: Transfer = self.workspace.transfer
        self.folder = folder
        self.home = home
        self.tree = ""

    def large(self, size: int, rounds: int) -> Iterator[Row]:
        """Measure one file, up and down; down also against what verifies as much as we do."""
        path, title = self.folder / "large", _title(size)
        large_file(path, size)
        up = interleaved(rounds + 1, lambda: self._up(path), lambda: self.peer.up(path))
        yield _rates(f"artifacts: {title} up / minio SDK", size, up)
        path.unlink()
        down, bare, verified = interleaved(rounds + 1, self._down, self.peer.down, self.peer.verified_down)
        row = _rates(f"artifacts: {title} down / minio SDK, which verifies nothing", size, [down, bare])
        yield replace(row, note=f"of ours, SHA-256 is {_seconds_of_hashing(size):.3f} s of a processor")
        yield _rates(f"artifacts: {title} down / minio SDK, then SHA-256 of the file", size, [down, verified])

    def huge(self, size: int) -> Iterator[Row]:
        """Measure a file for which not every disk has room, and the memory that it takes."""
        room = shutil.disk_usage(self.folder).free
        if room < ROOM * size:
            reason = f"needs {ROOM * size >> 30} GiB of free disk, {room >> 30} GiB are"
            yield skipped(f"artifacts: {_title(size)}", "MB/s", GOAL, reason)
            return
        yield from self.large(size, 2)
        yield from self.memory(size)

    def memory(self, size: int) -> Iterator[Row]:
        """Measure the most memory that a process needs for a file, on either side."""
        path, into = self.folder / "large", self.folder / "peak"
        goal, title = "<= 150 MB", _title(size)
        down = _peak("down", self.tree, str(into))
        (into / "f").unlink()
        self._forget_uploads()
        large_file(path, size)
        up = _peak("up", str(path))
        path.unlink()
        yield measured(f"artifacts: client's memory, {title} up", "MB", [up], goal=goal)
        yield measured(f"artifacts: client's memory, {title} down", "MB", [down], goal=goal)
        served = self._service_peak()
        yield measured(f"artifacts: services' memory, {title} up and down", "MB", [served], goal=goal)

    def memory_of_the_way_through(self, size: int) -> Row:
        """Measure the most memory that the services need for a file all of whose bytes pass through them."""
        path, into = self.folder / "large", self.folder / "through"
        large_file(path, size)
        self.tree = self.transfer.upload({"f": path}).name
        path.unlink()
        self.transfer.download(self.tree, into)
        (into / "f").unlink()
        title = f"artifacts: services' memory, {_title(size)} up and down through the service"
        row = measured(title, "MB", [self._service_peak()], goal="<= 150 MB")
        return replace(row, note="a few MiB for each stream at work; the rest of its blob is on the disk")

    def small(self) -> Row:
        """Measure many small files, all of them new."""
        took = interleaved(4, self._small_up, self._peer_small_up)
        rates = [[FILES / each for each in some[1:]] for some in took]
        return measured("artifacts: 1,000 small files up / minio SDK one by one", "1/s", *rates, goal=">= 5")

    def resubmission(self) -> Iterator[Row]:
        """Measure a folder that has not changed, and what ten versions of it take in which little changes."""
        source = self.folder / "source"
        small_files(source)
        before = self._storage()
        time.sleep(RACY_NS / 1e9)  # digests of files that were written just now are not kept
        self._submit(source)
        times = [seconds(lambda: self._submit(source)) * 1000 for _ in range(12)][2:]
        yield measured("artifacts: 1,000 unchanged files again", "ms", times, goal="<= 50 ms")
        for version in range(9):
            for number in range(10):
                (source / f"{version * 10 + number:04}.bin").write_bytes(os.urandom(FILE_BYTES))
            self._submit(source)
        after = self._storage()
        ratio = (after.file_bytes - before.file_bytes) / (after.blob_bytes - before.blob_bytes)
        yield measured("artifacts: deduplication of ten versions, 1% changed each", "times", [ratio])

    def _submit(self, source: Path) -> None:
        self.transfer.upload(snapshot(source), cache=DigestCache.of(source))

    def _up(self, path: Path) -> float:
        self._forget_uploads()
        renew(path)
        begin = time.perf_counter()
        self.tree = self.transfer.upload({"f": path}).name
        return time.perf_counter() - begin

    def _down(self) -> float:
        into = self.folder / "down"
        took = seconds(lambda: self.transfer.download(self.tree, into))
        (into / "f").unlink()
        return took

    def _forget_uploads(self) -> None:
        """Take what was uploaded before off the disk: nobody asks for it again."""
        client, bucket = self.storage.client(), self.storage.bucket
        for each in client.list_objects(bucket, "bench/default/", recursive=True):
            client.remove_object(bucket, str(each.object_name))

    def _small_up(self) -> float:
        files = small_files(self.folder / "small")
        return seconds(lambda: self.transfer.upload(files))

    def _peer_small_up(self) -> float:
        return self.peer.small_up(small_files(self.folder / "small"))

    def _service_peak(self) -> float:
        status = control.status(self.home)
        assert status is not None
        return _high_water(status["pid"])

    def _storage(self) -> Storage:
        name = f"{self.workspace.resource_name}/storage"
        return self.workspace.connection.artifacts.GetStorage(GetStorageRequest(name=name)).storage


def _rates(row: str, size: int, took: list[list[float]]) -> Row:
    return measured(row, "MB/s", *([size / MIB / each for each in some[1:]] for some in took), goal=GOAL)


def _seconds_of_hashing(size: int) -> float:
    """Return the processor time that verifying takes, which does not depend on what else is at work."""
    piece = os.urandom(MIB)
    digest = hashlib.sha256()
    begin = time.process_time()
    for _ in range(64):
        digest.update(piece)
    return (time.process_time() - begin) * size / (64 * MIB)


def _title(size: int) -> str:
    return f"{size // MIB} MiB" if size < 1024 * MIB else f"{size // MIB // 1024} GiB"


def _peak(*arguments: str) -> float:
    return float(output([sys.executable, "-c", PEAK, *arguments]))


def _high_water(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
