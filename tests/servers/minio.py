"""A real MinIO: `minio server`, on a free port, with credentials that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.object_storage import ObjectStorage
from tests.servers.programs import Program, free_ports
from tests.servers.small_disk import on_a_disk


@contextmanager
def minio(folder: Path, megabytes: int | None = None) -> Iterator[ObjectStorage]:
    """Run MinIO over `folder`, which is made when absent; given `megabytes`, on a disk of that size, in memory."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    port, console = free_ports(2)
    storage = ObjectStorage("minio", port)
    address = ("--address", f"127.0.0.1:{port}", "--console-address", f"127.0.0.1:{console}")
    env = {
        "MINIO_ROOT_USER": storage.access_key,
        "MINIO_ROOT_PASSWORD": storage.secret_key,
        "MINIO_BROWSER": "off",
        "MINIO_UPDATE": "off",
        "MINIO_CALLHOME_ENABLE": "off",
        "HOME": str(folder),
    }
    argv = ["minio", "server", str(data), *address, "--quiet"]
    if megabytes is not None:
        argv = on_a_disk(megabytes, data, argv)
    storage.program = Program(argv, env, folder / "log", lambda: storage.answers(lambda client: client.list_buckets()))
    storage.program.start()
    try:
        yield storage
    finally:
        storage.program.stop()
