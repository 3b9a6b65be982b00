"""Make images as container images: the lock's packages in layers on a base, in the engine and in the registry."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from orris.errors import FailedPrecondition, OrrisError
from orris_images.build.installing import Installing
from orris_images.build.oci.bases import Base, Bases
from orris_images.build.oci.dockerfiles import build_dockerfile
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.inside import Inside
from orris_images.build.oci.layer_cache import LayerCache
from orris_images.build.oci.loading import LayersGone
from orris_images.build.oci.making import FORMAT, NAME, Making
from orris_images.build.oci.publishing import Publishing
from orris_images.build.oci.settings import OciSettings
from orris_images.build.oci.staging import Staging
from orris_images.build.port import Made, Progress
from orris_images.contexts import Contexts
from orris_images.interpreters import Interpreters
from orris_images.lock import Lock
from orris_kit import files
from orris_kit.conda_channels import CondaChannels
from orris_kit.environment_folder import python_of
from orris_kit.file_lock import alone
from orris_kit.process import Log

STAGED_PERCENT = 40


class OciBuilder:
    """Builds on base images; what it needs on this machine is in `folder`."""

    containers = True

    def __init__(
        self, settings: OciSettings, folder: Path, environ: Mapping[str, str], hosts: Interpreters, *,
        channels: CondaChannels = CondaChannels(), contexts: Contexts | None = None, timeout: float = 1800,
    ) -> None:  # fmt: skip
        self._settings, self._folder, self._environ = settings, folder, environ
        self.hosts, self._channels, self._contexts, self._timeout = hosts, channels, contexts, timeout
        self.engine = Engine(environ, owner_of(folder))
        self.bases = Bases(self.engine, settings, folder / "bases")
        self._cache = LayerCache(folder / "layers", settings.layer_cache_size)
        self._publishing = Publishing(settings, self.engine, environ) if settings.registry else None
        self._sweep()

    def is_ready(self, image_id: str, reference: str) -> bool:
        """Implement Builder.is_ready: whether it is where images are kept now."""
        if self._publishing is None:
            return reference.startswith("sha256:")
        return reference.startswith(f"{self._settings.host}/{self._settings.repository}@")

    def is_there(self, image_id: str, reference: str) -> bool:
        """Implement Builder.is_there."""
        if not self.is_ready(image_id, reference):
            return False
        if self._publishing is None:
            return self.engine.has(reference)
        return self._publishing.registry.digest_of(reference.partition("@")[2]) is not None

    def build(
        self, lock: Lock, interpreter: Path, log: Log, progress: Progress, cancel: threading.Event | None = None
    ) -> Made:
        """Implement Builder.build."""
        self.engine.sweep()
        tag = self._tag(lock, self._base_of(lock, log, cancel).id if lock.dockerfile is None else "")
        work = self._folder / "work"
        work.mkdir(parents=True, exist_ok=True)
        with alone(work / lock.image_id, log, self._timeout, cancel):
            found = self._found(tag)
            if found is not None:
                log(f"image {lock.image_id} is there: {found.reference}")
                return found
            try:
                return self._make(lock, tag, log, progress, cancel)
            except LayersGone as error:
                log(f"once more: {error.message}")
                return self._make(lock, tag, log, progress, cancel)

    def delete(self, image_id: str, reference: str) -> None:
        """Implement Builder.delete."""
        if self._publishing is not None and self.is_ready(image_id, reference):
            self._publishing.registry.delete_manifest(reference.partition("@")[2])
        for made in self.engine.ids(image_id):
            self.engine.remove(made)

    def _base_of(self, lock: Lock, log: Log, cancel: threading.Event | None) -> Base:
        """Return the base that a lock is for, made first where that is a Dockerfile's image."""
        if lock.dockerfile is not None:
            name = build_dockerfile(self.engine, lock, self._environ, self._contexts, log, cancel)
            return self.bases.get(name, lock.interpreter or "python3", log, cancel)
        if lock.base_image is not None:
            return self.bases.get(lock.base_image, lock.interpreter or "python3", log, cancel)
        known = self.bases.default(log)
        if lock.conda_packages:
            return known[0]
        fitting = [one for one in known if one.version == lock.python_version]
        if not fitting:
            message = f"no base image has Python {lock.python_version} any more; refresh the environment"
            raise FailedPrecondition(message, reason="INTERPRETER_NOT_FOUND")
        return fitting[0]

    def _tag(self, lock: Lock, base: str) -> str:
        """Return what an image is called: the lock, and what else decides its bytes."""
        rest = f"{FORMAT} {base} {self._settings.compile_bytecode}"
        return f"{lock.image_id}-{hashlib.sha256(rest.encode()).hexdigest()[:16]}"

    def _found(self, tag: str) -> Made | None:
        if self._publishing is None:
            name = f"{NAME}:{tag}"
            if not self.engine.has(name):
                return None
            found = self.engine.inspect(name)
            return Made(str(found["Id"]), int(found["Size"]))
        known = self._publishing.find(tag)
        return None if known is None else Made(*known)

    def _make(self, lock: Lock, tag: str, log: Log, progress: Progress, cancel: threading.Event | None) -> Made:
        base = self._base_of(lock, log, cancel)
        log(f"base image {base.name}: Python {base.version}, {base.platform}, {base.libc}")
        folder = self._folder / "work" / f"{lock.image_id}.{uuid.uuid4().hex[:8]}.tmp"
        folder.mkdir()
        try:
            with Making(self.engine, self._publishing, self._cache, base, log, progress, cancel) as making:
                started = time.monotonic()
                installing = Installing(len(lock.packages), log, _share(progress, STAGED_PERCENT))
                staging = Staging(
                    folder, base, self._environ, self._channels, self._timeout, installing.line, making.stop
                )
                python = None if lock.conda_packages else self._host_python(base)
                inside = Inside(self.engine, base, self._environ, staging.said, making.stop)
                staging.fill(lock, python, inside)
                log(f"installed in {time.monotonic() - started:.1f} s")
                compiler = python_of(staging.environment) if lock.conda_packages else python
                made = making.image(staging, compiler if self._compiles(lock) else None, lock, tag)
            log(f"image {lock.image_id} made in {time.monotonic() - started:.1f} s: {made.reference}")
            return made
        finally:
            self._leave(folder)

    def _compiles(self, lock: Lock) -> bool:
        """Tell whether bytecode is wanted, and unchecked bytecode known (PEP 552)."""
        old = lock.python_version.startswith(("3.6.", "3.5."))
        return self._settings.compile_bytecode and not old

    def _sweep(self) -> None:
        """Remove what was being made when the service ended."""
        self._cache.sweep()
        for left in (self._folder / "work").glob("*.tmp"):
            self._leave(left)
        threading.Thread(target=self._sweep_engine, name="sweep-engine", daemon=True).start()

    def _sweep_engine(self) -> None:
        with suppress(OrrisError):  # the next build sweeps too
            self.engine.sweep()

    def _leave(self, folder: Path) -> None:
        """Remove a folder of thousands of files, while nobody waits for that."""
        threading.Thread(target=shutil.rmtree, args=(folder,), kwargs={"ignore_errors": True}).start()

    def _host_python(self, base: Base) -> Path | None:
        """Return a Python of this machine that is like the base's, if there is one."""
        own = self.hosts.find(None)
        if own.version.split(".")[:2] == base.version.split(".")[:2]:
            return own.path
        try:
            return self.hosts.find(base.minor, strict=True).path
        except FailedPrecondition:
            return None


def owner_of(folder: Path) -> str:
    """Return what a service's containers are labeled with: an id that is kept in its folder."""
    path = folder / "owner"
    if not path.exists():
        files.replace(path, uuid.uuid4().hex.encode())
    return path.read_text()


def _share(progress: Progress, share: int) -> Progress:
    """Return what takes its progress for the first part of the whole."""

    def tell(percent: int, doing: str, *, pushing: bool = False) -> None:
        progress(percent * share // 100, doing, pushing=pushing)

    return tell
