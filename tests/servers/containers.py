"""The Docker Engine and the registry of a session of tests, started when a test first asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.servers.docker import Engine
    from tests.servers.registry import Registry


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker Engine with the base image; for tests marked `needs("docker")`."""
    from tests.servers import docker

    with docker.engine(tmp_path_factory.mktemp("docker")) as made:
        yield made


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry; for tests marked `needs("registry")`."""
    from tests.servers import registry as server

    with server.registry(tmp_path_factory.mktemp("registry")) as made:
        yield made
