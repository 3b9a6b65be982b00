"""Two artifacts services on one PostgreSQL and one bucket: whoever submits and reads does not notice which is there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Orris, command_line
from tests.e2e.processes import wait_until
from tests.e2e.suite import Suite
from tests.servers.databases import NewDatabase
from tests.servers.object_storage import ObjectStorage

pytestmark = [pytest.mark.needs("postgres"), pytest.mark.needs("minio")]
MIB = 1024 * 1024
# The half of it is written, and stored, while one service is killed.
WRITE = """
import os, time
os.makedirs("outputs")
data = open("large.bin", "rb").read()
open("outputs/small", "w").write("small")
print("begun", flush=True)
while not os.path.exists({go!r}):
    time.sleep(0.05)
open("outputs/large.bin", "wb").write(data[::-1])
print("done")
"""


@pytest.fixture
def suite(tmp_path: Path, new_postgres: NewDatabase, minio: ObjectStorage) -> Iterator[Suite]:
    made = Suite(tmp_path, new_postgres(), artifacts=2, settings=minio.environment("two"))
    made.start("runs", "artifacts", "artifacts", "images", "agent")
    try:
        made.until_up("runs", "artifacts", "images")
        yield made
    finally:
        made.close()


@pytest.fixture
def orris(suite: Suite, tmp_path: Path) -> Orris:
    folder = tmp_path / "project"
    folder.mkdir()
    token = str(suite.keys / "user.token")
    return command_line(tmp_path / "client", folder, ORRIS_TOKEN_FILE=token, **suite.addresses)


def test_a_run_goes_on_and_keeps_all_while_either_service_is_killed(suite: Suite, orris: Orris, tmp_path: Path) -> None:
    data, go = os.urandom(3 * MIB), tmp_path / "go"
    (tmp_path / "project" / "large.bin").write_bytes(data)
    (tmp_path / "project" / "write.py").write_text(WRITE.format(go=str(go)))
    orris("submit", "--no-wait", "--python", sys.executable, "write.py")
    wait_until(lambda: "begun" in orris("runs", "logs", "latest").stdout)
    suite.kill("artifacts")
    go.touch()
    assert orris("runs", "logs", "-f", "latest").stdout.endswith("done\n")
    check(orris, tmp_path / "with the second", data)
    orris("submit", "--python", sys.executable, "--name", "again", "write.py")

    suite.start("artifacts")
    suite.until_up("artifacts")
    suite.kill("artifacts")
    check(orris, tmp_path / "with the first", data)
    (kept,) = json.loads(orris("storage", "--json").stdout)
    assert kept["damaged_blobs"] == 0


def check(orris: Orris, into: Path, data: bytes) -> None:
    """Check that the latest run has kept what it wrote, byte for byte."""
    wait_until(lambda: json.loads(orris("runs", "show", "latest", "--json").stdout)["status"] == "Completed")
    orris("runs", "download", "latest", "outputs", "--into", str(into))
    assert (into / "outputs" / "large.bin").read_bytes() == data[::-1]
    assert (into / "outputs" / "small").read_text() == "small"
