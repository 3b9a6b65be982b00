"""The demo, as the README tells people to run it: on its own, and with its bytes in an object storage."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.object_storage import ObjectStorage

DEMO = Path(__file__).parents[2] / "demo" / "run.py"


@pytest.mark.needs("minio")
def test_the_demo_keeps_its_bytes_in_minio_and_leaves_nothing_there(minio: ObjectStorage, tmp_path: Path) -> None:
    place = f"demo-test-{secrets.token_hex(4)}"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORRIS_")}
    env = {**inherited, **minio.environment(place), "TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, DEMO], env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    assert f"Bytes are kept in s3://{minio.bucket}/{place}/" in done.stdout
    assert [each.object_name for each in minio.client().list_objects(minio.bucket, f"{place}/", recursive=True)] == []
    assert list(tmp_path.iterdir()) == []
    assert minio.secret_key not in done.stdout + done.stderr
