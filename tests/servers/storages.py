"""Object storages for tests: one of each kind in a session, started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the SDK is loaded for those tests only that need it
    from tests.servers.object_storage import ObjectStorage


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    """A MinIO; for tests marked `needs("minio")`."""
    from tests.servers import minio as server

    with server.minio(tmp_path_factory.mktemp("minio")) as storage:
        yield storage


@pytest.fixture(scope="session")
def seaweedfs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStorage]:
    """A SeaweedFS; for tests marked `needs("seaweedfs")`."""
    from tests.servers import seaweedfs as server

    with server.seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as storage:
        yield storage


@pytest.fixture(
    params=[
        pytest.param("minio", marks=pytest.mark.needs("minio")),
        pytest.param("seaweedfs", marks=pytest.mark.needs("seaweedfs")),
    ]
)
def object_storage(request: pytest.FixtureRequest) -> ObjectStorage:
    """An object storage, of each kind in turn."""
    found: ObjectStorage = request.getfixturevalue(request.param)
    return found
