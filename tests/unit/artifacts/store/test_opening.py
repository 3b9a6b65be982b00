"""The store is chosen by the settings, and only what it needs is loaded."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from orris_artifacts.config import Settings
from orris_artifacts.store.folder import FolderStore
from orris_artifacts.store.opening import open_store

# What loads the SDK for S3, or what it brings along.
CHECK = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from orris_artifacts.config import Settings
from orris_artifacts.service import open_service
from orris_artifacts.store.opening import open_store
open_store(Settings(home=Path(sys.argv[1])), lambda: datetime.now(UTC)).put("lab/k", b"x")
print(sorted({"minio", "urllib3", "argon2", "Crypto"} & sys.modules.keys()))
"""


def test_a_folder_is_opened(tmp_path: Path) -> None:
    store = open_store(Settings(home=tmp_path), lambda: datetime.now(UTC))
    assert isinstance(store, FolderStore)
    assert store.place == f"the folder {tmp_path / 'artifacts' / 'blobs'}"


def test_a_folder_loads_nothing_of_s3(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", CHECK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
