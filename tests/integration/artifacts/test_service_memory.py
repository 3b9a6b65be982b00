"""What passes through the service, on its way to and from its store, is never in its memory for long."""

from __future__ import annotations

import filecmp
import os
import re
import secrets
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from orris.sdk.connection import Connection
from orris.sdk.content import CHUNK_BYTES
from orris.sdk.transfer import Transfer
from orris_kit.auth import Principal, Role, TokenSigner
from tests.integration.artifacts.twins import listens
from tests.servers.programs import Program, free_ports

CHUNKS = 12
# A few pieces of two streams at work, what is on its way, and what is loaded with the first call.
MOST_BYTES = 60_000_000
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("kept_in", ["folder", pytest.param("minio", marks=pytest.mark.needs("minio"))])
def test_memory_does_not_grow_with_files(kept_in: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """192 MiB go through a service that never takes 60 MB more than at rest, either way."""
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"
    signer = TokenSigner(tmp_path / "signing.key")
    env = {"ORRIS_HOME": str(tmp_path), "ORRIS_ARTIFACTS_LISTEN": address, "ORRIS_ARTIFACTS_S3_PRESIGN": "false"}
    if kept_in == "minio":
        env |= request.getfixturevalue("minio").environment(secrets.token_hex(6))
    program = Program([sys.executable, "-m", "orris_artifacts"], env, tmp_path / "log", partial(listens, address))
    program.start()
    at_rest = peak_of(program.pid)
    try:
        transfer = Transfer(Connection(address, signer.sign(Principal("ada", Role.USER, "lab"), HOUR)).artifacts, "lab")
        (tmp_path / "f").write_bytes(os.urandom(CHUNKS * CHUNK_BYTES))
        tree = transfer.upload({"f": tmp_path / "f"})
        transfer.download(tree.name, tmp_path / "copy")
        more = peak_of(program.pid) - at_rest
    finally:
        program.stop()
    assert filecmp.cmp(tmp_path / "f", tmp_path / "copy" / "f", shallow=False)
    assert more < MOST_BYTES, f"{more:,} bytes"


def peak_of(pid: int) -> int:
    (kibibytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(kibibytes) * 1024
