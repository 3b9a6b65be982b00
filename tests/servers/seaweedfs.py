"""A real SeaweedFS: `weed server -s3`, on free ports, with credentials that nobody knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from minio import Minio

from tests.servers.object_storage import ObjectStorage
from tests.servers.programs import Program, free_ports

_ACTIONS = ["Admin", "Read", "Write", "List", "Tagging"]
_PORTS = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc")


@contextmanager
def seaweedfs(folder: Path, *options: str) -> Iterator[ObjectStorage]:
    """Run SeaweedFS over `folder`, which is made when absent; `options` of `weed server` come last."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    port, s3_grpc, *ports = free_ports(2 + len(_PORTS))
    storage = ObjectStorage("seaweedfs", port)
    identities = folder / "identities.json"
    identities.write_text(json.dumps({"identities": [_identity(storage)]}))
    argv = [
        *("weed", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-master.telemetry=false"),
        *("-master.volumeSizeLimitMB=256", "-volume.max=40", "-filer", f"-filer.localSocket={folder}/filer.sock"),
        *("-s3", f"-s3.config={identities}", f"-s3.localSocket={folder}/s3.sock", f"-s3.port={port}"),
        *(f"-s3.port.grpc={s3_grpc}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-{name}={number}" for name, number in zip(_PORTS, ports, strict=True)),
        *options,
    ]
    storage.program = Program(argv, {}, folder / "log", lambda: storage.answers(_store_something))
    storage.program.start()
    try:
        yield storage
    finally:
        storage.program.stop()


def _identity(storage: ObjectStorage) -> dict[str, object]:
    credentials = [{"accessKey": storage.access_key, "secretKey": storage.secret_key}]
    return {"name": "orris", "credentials": credentials, "actions": _ACTIONS}


def _store_something(client: Minio) -> None:
    """Fail until all its parts are up: they start one after the other."""
    if not client.bucket_exists("ready"):
        client.make_bucket("ready")
    client.put_object("ready", "ready", BytesIO(b"ready"), 5)
