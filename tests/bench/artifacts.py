"""Files to and from MinIO through Orris, against MinIO's own SDK on the same server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from minio import Minio

from orris import Workspace
from orris.artifacts.v1.artifacts_pb2 import Storage
from orris.artifacts.v1.artifacts_service_pb2 import GetStorageRequest
from orris.sdk.digest_cache import RACY_NS, DigestCache
from orris.sdk.snapshot import snapshot
from orris.sdk.transfer import Transfer
from orris_standalone import control
from tests.bench.rows import Row, interleaved, measured, seconds, skipped
from tests.bench.standalone import home_folder, instance
from tests.servers.minio import minio
from tests.servers.object_storage import ObjectStorage

MIB = 1024 * 1024
CHUNK = 16 * MIB
FILES, FILE_BYTES = 1000, 4096
GOAL = ">= 0.9"
PEAK = """
import resource, sys
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
                yield from bench.large(4096 * MIB, 2)
                yield from bench.memory(4096 * MIB)
                yield bench.small()
                yield from bench.resubmission()
        finally:
            for variable in storage.environment(""):
                os.environ.pop(variable)


class Bench:
    """One instance on one object storage, and the SDK's client of the same."""

    def __init__(self, storage: ObjectStorage, folder: Path, home: Path) -> None:
        self.raw: Minio = storage.client()
        self.bucket = storage.new_bucket()
        self.workspace = Workspace.get("default")
        self.transfer: Transfer = self.workspace.transfer
        self.folder = folder
        self.home = home
        self.trees: list[str] = []

    def large(self, size: int, rounds: int) -> Iterator[Row]:
        """Measure one file, up and down."""
        path, title = self.folder / "large", _title(size)
        _fill(path, size)
        up = interleaved(rounds + 1, lambda: self._up(path), lambda: self._raw_up(path))
        yield _rates(f"artifacts: {title} up / minio SDK", size, up)
        down = interleaved(rounds + 1, self._down, self._raw_down)
        yield _rates(f"artifacts: {title} down / minio SDK", size, down)

    def memory(self, size: int) -> Iterator[Row]:
        """Measure the most memory that a process needs for a file, on either side."""
        path = self.folder / "large"
        _renew(path)
        goal, title = "<= 150 MB", _title(size)
        up = _peak("up", str(path))
        down = _peak("down", self.trees[-1], str(self.folder / "peak"))
        (self.folder / "peak" / "f").unlink()
        path.unlink()
        yield measured(f"artifacts: client's memory, {title} up", "MB", [up], goal=goal)
        yield measured(f"artifacts: client's memory, {title} down", "MB", [down], goal=goal)
        served = self._service_peak()
        yield measured(f"artifacts: services' memory, {title} up and down", "MB", [served], goal=goal)

    def small(self) -> Row:
        """Measure many small files, all of them new."""
        took = interleaved(4, self._small_up, self._raw_small_up)
        rates = [[FILES / each for each in some[1:]] for some in took]
        return measured("artifacts: 1,000 small files up / minio SDK one by one", "1/s", *rates, goal=">= 5")

    def resubmission(self) -> Iterator[Row]:
        """Measure a folder that has not changed, and what ten versions of it take in which little changes."""
        source = self.folder / "source"
        _many(source)
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
        _renew(path)
        return seconds(lambda: self.trees.append(self.transfer.upload({"f": path}).name))

    def _raw_up(self, path: Path) -> float:
        return seconds(lambda: self.raw.fput_object(self.bucket, "large", str(path)))

    def _down(self) -> float:
        into = self.folder / "down"
        took = seconds(lambda: self.transfer.download(self.trees[-1], into))
        (into / "f").unlink()
        return took

    def _raw_down(self) -> float:
        path = self.folder / "raw-down"
        took = seconds(lambda: self.raw.fget_object(self.bucket, "large", str(path)))
        path.unlink()
        return took

    def _small_up(self) -> float:
        files = _many(self.folder / "small")
        return seconds(lambda: self.transfer.upload(files))

    def _raw_small_up(self) -> float:
        files = _many(self.folder / "small")

        def one_by_one() -> None:
            for name, path in files.items():
                self.raw.fput_object(self.bucket, name, str(path))

        return seconds(one_by_one)

    def _service_peak(self) -> float:
        status = control.status(self.home)
        assert status is not None
        return _high_water(status["pid"])

    def _storage(self) -> Storage:
        name = f"{self.workspace.resource_name}/storage"
        return self.workspace.connection.artifacts.GetStorage(GetStorageRequest(name=name)).storage


def _rates(row: str, size: int, took: list[list[float]]) -> Row:
    return measured(row, "MB/s", *([size / MIB / each for each in some[1:]] for some in took), goal=GOAL)


def _title(size: int) -> str:
    return f"{size // MIB} MiB" if size < 1024 * MIB else f"{size // MIB // 1024} GiB"


def _fill(path: Path, size: int) -> None:
    piece = os.urandom(CHUNK)
    with path.open("wb") as file:
        for _ in range(size // CHUNK):
            file.write(piece)
    _renew(path)


def _renew(path: Path) -> None:
    """Make every chunk of a file another one."""
    with path.open("r+b") as file:
        for offset in range(0, path.stat().st_size, CHUNK):
            file.seek(offset)
            file.write(os.urandom(32))


def _many(folder: Path) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    files = {f"{number:04}.bin": folder / f"{number:04}.bin" for number in range(FILES)}
    for path in files.values():
        path.write_bytes(os.urandom(FILE_BYTES))
    return files


def _peak(*arguments: str) -> float:
    done = subprocess.run([sys.executable, "-c", PEAK, *arguments], check=True, capture_output=True, text=True)
    return float(done.stdout)


def _high_water(pid: int) -> float:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024
