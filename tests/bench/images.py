"""A container image from a lock whose layers nobody has, its packages in uv's cache, against `docker build` with pip,
then push: in the engine and in the registry at the end in both cases. Then with one package changed; and built before.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from orris import Environment, Workspace
from orris.images.v1 import images_service_pb2
from orris_images.lock import Lock
from orris_kit import virtualenv
from tests.bench.rows import Row, interleaved, measured, seconds, skipped
from tests.bench.standalone import home_folder, instance
from tests.conftest import missing
from tests.integration.images.containers import Maker
from tests.servers.docker import BASE_IMAGE, Engine, engine
from tests.servers.registry import Registry, registry

# Versions of each round are its own, so that no layer was there before.
ROUNDS = (
    ("scikit-learn==1.6.1", "numpy==2.2.6", "pandas==2.2.3", "scipy==1.15.2"),
    ("scikit-learn==1.5.2", "numpy==2.1.3", "pandas==2.2.2", "scipy==1.14.1"),
    ("scikit-learn==1.6.0", "numpy==2.2.4", "pandas==2.3.1", "scipy==1.15.1"),
)
JOBLIB = ("joblib==1.4.2", "joblib==1.5.0")
CACHED_CALLS = 100
COLD = "container image: layers cold / docker build with pip, push"
CERTIFICATES = "SSL_CERT_FILE"


def rows() -> Iterator[Row]:
    if reason := missing("docker") or missing("registry"):
        yield skipped(COLD, "s", "<= 0.2", reason)
        return
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("engine", "registry"):
            (folder / name).mkdir()
        running, where = (
            stack.enter_context(engine(folder / "engine")),
            stack.enter_context(registry(folder / "registry")),
        )
        yield from _built(folder, running, where, compiled=True)
        yield from _built(folder, running, where, compiled=False)
        yield _built_before(running, where)


def _built(folder: Path, running: Engine, where: Registry, *, compiled: bool) -> Iterator[Row]:
    maker = Maker(folder / f"images-{compiled}", running, where, compile_bytecode=compiled)
    locks = [[maker.lock(*packages, joblib) for joblib in JOBLIB] for packages in ROUNDS]
    _prepare(folder, maker, locks)
    theirs = [iter(each) for each in zip(*locks, strict=True)]
    ours = [iter(each) for each in zip(*locks, strict=True)]
    cold, reference, changed, again = interleaved(
        len(ROUNDS),
        lambda: seconds(lambda: maker.build(next(ours[0]))),
        lambda: seconds(lambda: _docker_build(running, where, next(theirs[0]), compiled)),
        lambda: seconds(lambda: maker.build(next(ours[1]))),
        lambda: seconds(lambda: _docker_build(running, where, next(theirs[1]), compiled)),
    )
    note = "" if compiled else ", no bytecode"
    yield measured(f"{COLD}{note}", "s", cold, reference, goal="<= 0.2")
    yield measured(f"container image: one package changed / the same{note}", "s", changed, again, goal="<= 0.1")


def _prepare(folder: Path, maker: Maker, locks: list[list[Lock]]) -> None:
    """Fill uv's cache, and bring the base image into the registry."""
    maker.build(maker.lock("six"))
    python = maker.builder.hosts.find("3.11").path
    for lock in (each for pair in locks for each in pair):
        made = folder / "environments" / lock.image_id
        virtualenv.make(made, python, lock.requirements, made.name, lambda line: None, environ=os.environ)
        virtualenv.remove(made)


def _docker_build(running: Engine, where: Registry, lock: Lock, compiled: bool) -> None:
    """Do what a Dockerfile does that everybody writes."""
    options = "--no-cache-dir --disable-pip-version-check --no-deps --require-hashes"
    options += "" if compiled else " --no-compile"
    text = (
        f"FROM {BASE_IMAGE}\nCOPY certificates.pem requirements.txt /\nRUN python3 -m venv /opt/environment && "
        f"/opt/environment/bin/pip install --cert /certificates.pem {options} -r /requirements.txt\n"
    )
    tag = f"{where.address}/orris/reference"
    files = {"Dockerfile": text, "requirements.txt": lock.requirements, "certificates.pem": _certificates()}
    _followed(running.client.api.build(fileobj=_context(files), custom_context=True, decode=True, rm=True, tag=tag))
    credentials = {"username": where.username, "password": where.password}
    _followed(running.client.api.push(tag, "latest", auth_config=credentials, stream=True, decode=True))


def _certificates() -> str:
    return Path(os.environ.get(CERTIFICATES, "/etc/ssl/certs/ca-certificates.crt")).read_text()


def _context(files: dict[str, str]) -> io.BytesIO:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    made.seek(0)
    return made


def _followed(told: Any) -> None:
    for each in told:
        assert "error" not in each, each


def _built_before(running: Engine, where: Registry) -> Row:
    settings = {"DOCKER_HOST": running.host, "ORRIS_IMAGES_BUILDER": "oci", "ORRIS_IMAGES_BASE_IMAGE": BASE_IMAGE}
    settings |= where.environment("ORRIS_IMAGES")
    os.environ.update(settings)
    try:
        with home_folder() as home, instance(home):
            workspace = Workspace.get("default")
            environment = Environment("before", pip_packages=["six==1.16.0"])
            environment.build(workspace).wait_for_completion(show_output=False)
            again = [_build_again(workspace) * 1000 for _ in range(CACHED_CALLS)]
    finally:
        for name in settings:
            del os.environ[name]
    return measured("container image: built before (CreateBuild)", "ms", again, goal="<= 10 ms")


def _build_again(workspace: Workspace) -> float:
    request = images_service_pb2.CreateBuildRequest(
        parent=workspace.resource_name,
        environment=Environment.reference(workspace, "before"),
        request_id=uuid.uuid4().hex,
    )
    cached: list[bool] = []
    took = seconds(lambda: cached.append(workspace.connection.images.CreateBuild(request).build.cached))
    assert cached == [True], "it was built once more"
    return took
