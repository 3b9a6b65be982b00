"""The Ray cluster of a session of tests, started when a test first asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers import ray_cluster as server


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[server.RayCluster]:
    """A Ray cluster that grows and shrinks; for tests marked `needs("ray")`."""
    with server.ray_cluster() as made:
        yield made
