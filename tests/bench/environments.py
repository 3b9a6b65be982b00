"""An environment from a specification never seen, its packages in uv's cache, against bare uv; and one built before."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import uv

from orris import Environment, Workspace
from orris.images.v1 import images_service_pb2
from orris_kit.uv import environment as uv_settings
from tests.bench.rows import Row, interleaved, measured, seconds
from tests.bench.standalone import home_folder, instance

PACKAGES = ("scikit-learn==1.6.1", "numpy==2.2.6", "pandas==2.2.3")
# A release of its own gives each specification a lock and an image that were not there before.
RELEASES = ("1.4.0", "1.4.2", "1.5.0", "1.5.1", "1.5.2")
CACHED_CALLS = 100


def rows() -> Iterator[Row]:
    with home_folder() as home, instance(home):
        workspace = Workspace.get("default")
        for release in RELEASES:
            _bare(home, release)  # fills uv's cache, which is the same for both
        ours, reference = iter(RELEASES), iter(RELEASES)
        made, bare = interleaved(
            len(RELEASES), lambda: _build(workspace, next(ours)), lambda: _bare(home, next(reference))
        )
        yield measured("environment: new, packages cached / bare uv", "s", made, bare, goal="<= 2")
        again = [_build_again(workspace) * 1000 for _ in range(CACHED_CALLS)]
        yield measured("environment: built before (CreateBuild)", "ms", again, goal="<= 10 ms")


def _build(workspace: Workspace, release: str) -> float:
    environment = Environment(_name(release), pip_packages=_packages(release))
    return seconds(lambda: environment.build(workspace).wait_for_completion(show_output=False))


def _build_again(workspace: Workspace) -> float:
    request = images_service_pb2.CreateBuildRequest(
        parent=workspace.resource_name,
        environment=Environment.reference(workspace, _name(RELEASES[0])),
        request_id=uuid.uuid4().hex,
    )
    cached: list[bool] = []
    took = seconds(lambda: cached.append(workspace.connection.images.CreateBuild(request).build.cached))
    assert cached == [True], "it was built once more"
    return took


def _bare(home: Path, release: str) -> float:
    """Resolve and install the same with uv alone, on the cache that Orris uses."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        made = Path(folder) / "environment"

        def make() -> None:
            _uv("venv", "--python", sys.executable, str(made))
            _uv("pip", "install", "--python", str(made / "bin" / "python"), *_packages(release))

        return seconds(make)


def _uv(*arguments: str) -> None:
    command = [uv.find_uv_bin(), *arguments, "--quiet", "--no-config", "--system-certs"]
    subprocess.run(command, env=uv_settings(os.environ), check=True)


def _packages(release: str) -> list[str]:
    return [*PACKAGES, f"joblib=={release}"]


def _name(release: str) -> str:
    return f"joblib-{release.replace('.', '-')}"
