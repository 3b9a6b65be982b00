"""What a test may need that is absent on some machines: `@pytest.mark.needs("docker")`.

Absent, the test is skipped with the reason, or fails when ORRIS_TEST_REQUIRE (words, separated by commas) has the word.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.servers import docker
from tests.servers.conda_lab import conda_lab
from tests.servers.containers import engine, registry
from tests.servers.databases import new_database, new_postgres, new_sqlite, postgres_databases
from tests.servers.postgres import programs
from tests.servers.ray_clusters import ray_cluster
from tests.servers.storages import minio, object_storage, seaweedfs

__all__ = [
    "conda_lab",
    "engine",
    "minio",
    "new_database",
    "new_postgres",
    "new_sqlite",
    "object_storage",
    "postgres_databases",
    "ray_cluster",
    "registry",
    "seaweedfs",
]

# Whoever starts the tests in the background may have them ignore Ctrl-C, and all that they start inherits that.
signal.signal(signal.SIGINT, signal.default_int_handler)
# The tests of the client fork, as its users do; in their process nobody imports the kit, which says "0" here.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "1"  # gRPC reads it when it is imported, which is after this


def program(*names: str) -> Callable[[], str | None]:
    """Probe for a program on PATH."""
    return lambda: None if any(map(shutil.which, names)) else f"no {names[0]} on PATH"


def command(*argv: str) -> Callable[[], str | None]:
    """Probe by running a command: it must exist and succeed."""

    def probe() -> str | None:
        try:
            done = subprocess.run(argv, capture_output=True, timeout=20, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{' '.join(argv)}`: {error}"
        return None if done.returncode == 0 else f"`{' '.join(argv)}` failed"

    return probe


@functools.cache
def find_python36() -> str | None:
    """Return a Python 3.6 that runs: pyenv's, else the one on PATH."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    known = sorted(map(str, root.glob("versions/3.6*/bin/python3.6")), reverse=True)
    return next((path for path in (*known, "python3.6") if command(path, "-c", "")() is None), None)


def postgres() -> str | None:
    """Probe for a PostgreSQL: a server that runs, or the programs to run one."""
    return None if os.environ.get("ORRIS_TEST_POSTGRES") or programs() else "no postgres here: see ORRIS_TEST_POSTGRES"


# Asks the package index for a small package, and installs nothing.
DRY_RUN = ("pip", "install", "--dry-run", "--quiet", "--no-cache", "--no-deps", "--reinstall")

PROBES: dict[str, Callable[[], str | None]] = {
    "compose": program("docker-compose"),
    "docker": docker.missing,
    "grpcurl": program("grpcurl"),
    "h2load": program("h2load"),
    "minio": program("minio"),
    "pypi": command(str(Path(sys.executable).with_name("uv")), *DRY_RUN, "--python", sys.executable, "iniconfig"),
    "postgres": postgres,
    "python3.6": lambda: None if find_python36() else "no python3.6 on PATH or in pyenv",
    "ray": program("ray"),
    "registry": program("docker-registry"),
    "seaweedfs": program("weed"),
    "tmpfs": command("unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
}


@functools.cache
def missing(word: str) -> str | None:
    return PROBES[word]()


@pytest.fixture(scope="session")
def python36() -> str:
    """The path of a Python 3.6; for tests marked `needs("python3.6")`."""
    found = find_python36()
    assert found is not None, "mark the test with needs('python3.6')"
    return found


def pytest_configure() -> None:
    unknown = _required() - PROBES.keys()
    if unknown:
        raise pytest.UsageError(f"ORRIS_TEST_REQUIRE names {sorted(unknown)}; known are {sorted(PROBES)}")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        for word in mark.args:
            if (reason := missing(word)) is None:
                continue
            if word in _required():
                pytest.fail(f"ORRIS_TEST_REQUIRE names {word}: {reason}", pytrace=False)
            pytest.skip(f"needs {word}: {reason}")


def _required() -> set[str]:
    return set(filter(None, os.environ.get("ORRIS_TEST_REQUIRE", "").replace(",", " ").split()))
