"""The making of images: lock, then install, in threads of the service; what was begun is taken up again at a start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from weakref import WeakValueDictionary

import sqlalchemy as sa

from orris.errors import Cancelled, FailedPrecondition, NotFound, OrrisError
from orris_images import build_rows
from orris_images.build.port import Builder, Made, Progress
from orris_images.build_log import Key, LogWriter
from orris_images.images import keep_image, keep_lock, kept_lock, lock_of
from orris_images.interpreters import Pythons
from orris_images.lock import Lock
from orris_images.locking import lock_spec
from orris_images.prebuilt import lock_elsewhere
from orris_images.progress import ProgressWriter
from orris_images.records import Build, State
from orris_images.resolve.port import Resolver
from orris_images.spec import Spec
from orris_kit.database import DatabaseUnavailable, read, write
from orris_kit.disk_full import full_disk_named
from orris_kit.logging import get_logger
from orris_kit.text import readable

WAIT_SECONDS = 0.05
RETRY_SECONDS = 1.0
ERROR_CHARACTERS = 16 * 1024
RESOLVED_PERCENT = 10
log = get_logger(__name__)


@dataclass
class _Job:
    """A build at work: `log` is where it tells, `cancel` ends it, `done` says that nothing works for it any more."""

    build: Build
    log: LogWriter
    progress: ProgressWriter
    cancel: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)


class Building:
    """The builders of this process. `notify` is told the key of every build whose state or log has changed."""

    def __init__(
        self,
        engine: sa.Engine,
        pythons: Pythons,
        resolver: Resolver,
        builder: Builder,
        clock: Callable[[], datetime],
        notify: Callable[[Key], None],
        workers: int,
    ) -> None:
        self._engine, self._pythons, self._resolver, self._builder = engine, pythons, resolver, builder
        self._clock, self._notify = clock, notify
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="build")
        self._writers = ThreadPoolExecutor(1, thread_name_prefix="build-log")
        self._jobs: dict[Key, _Job] = {}
        self._locking: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()
        self._changing = threading.Lock()
        self._stopping = False

    def brings_python(self, spec: Spec) -> bool:
        """Tell whether a Python of its own will be in the image of `spec`."""
        return self._resolver.brings_python(spec)

    def resume(self) -> None:
        """Take up what was queued or at work when the service ended."""
        with read(self._engine) as connection:
            unfinished = build_rows.unfinished(connection)
        for build in unfinished:
            begun = build.state is not State.QUEUED
            self.submit(build, "taken up again: the service was restarted" if begun else None)

    def submit(self, build: Build, line: str | None = None) -> None:
        """Let a free builder make it; its log goes on with `line`."""
        where = (self._engine, build.key, self._notify, self._writers)
        job = _Job(build, LogWriter(*where), ProgressWriter(*where))
        if line is not None:
            job.log.line(line)
        self._jobs[build.key] = job
        self._workers.submit(self._run, job)

    def cancel(self, key: Key) -> None:
        """Cancel a build, whatever it is doing; one that is finished stays as it is."""
        job = self._jobs.get(key)
        if job is not None:
            job.log.line("canceled")
            job.log.flush()
        self._finish(key, State.CANCELED)
        if job is not None:
            job.cancel.set()

    def stop(self) -> None:
        """End what is at work, to be taken up at the next start."""
        self._stopping = True
        for job in list(self._jobs.values()):
            job.cancel.set()
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._writers.shutdown(wait=True)

    def _run(self, job: _Job) -> None:
        try:
            # A build is taken up again where the database went away, as after a restart.
            while not self._ended(job) and not self._stopping:
                time.sleep(RETRY_SECONDS)
        finally:
            self._jobs.pop(job.build.key, None)
            job.done.set()

    def _ended(self, job: _Job) -> bool:
        """Make an image, or say why there is none; return whether that is recorded."""
        try:
            self._attempt(job)
            job.log.flush()
            return True
        except DatabaseUnavailable as error:
            log.warning("a build waits", build=job.build.build, why=error.message)
            return False

    def _attempt(self, job: _Job) -> None:
        key = job.build.key
        try:
            with full_disk_named():
                self._make(job)
        except DatabaseUnavailable:
            raise
        except Cancelled:
            if not self._stopping:
                self._finish(key, State.CANCELED)
        except OrrisError as error:
            self._fail(job, error.message)
        except Exception:
            log.exception("a build failed for a reason of ours", build=key[1])
            self._fail(job, f"internal error; the log of the images service says more (build {key[1]})")

    def _make(self, job: _Job) -> None:
        build = job.build
        self._advance(job, State.RESOLVING)
        job.log.line(_what(build))
        job.progress.note(0, "choosing versions")
        lock, python = self._locked(job)
        self._advance(job, State.BUILDING, lock.warnings)
        job.log.line(f"installing {len(lock.packages)} packages: image {lock.image_id}")
        with self.alone(f"image/{lock.image_id}", job.cancel):  # it is not removed meanwhile
            made = self._builder.build(lock, python, job.log.line, self._telling(job), job.cancel)
            job.log.flush()
            self._succeed(job, lock, made)

    def _telling(self, job: _Job) -> Progress:
        """Return what notes the builder's progress as that of the build, of which the versions are the first part."""
        pushed = threading.Event()

        def tell(percent: int, doing: str, *, pushing: bool = False) -> None:
            if pushing and not pushed.is_set():
                pushed.set()
                self._advance(job, State.PUSHING)
            job.progress.note(RESOLVED_PERCENT + (99 - RESOLVED_PERCENT) * percent // 100, doing)

        return tell

    def _locked(self, job: _Job) -> tuple[Lock, Path]:
        """Return the lock of the build's spec, resolved only where there is none yet, and the Python for it."""
        build = job.build
        owner = build.workspace, build.spec.digest
        if build.restored:
            lost = self._lock_of(build)
            return lost, self._python_of(lost, job)
        with self.alone("/".join(owner), job.cancel):
            with read(self._engine) as connection:
                kept = None if build.refresh else kept_lock(connection, *owner)
                other = None if build.refresh or kept else lock_elsewhere(connection, build.spec.digest)
            if kept is not None:
                return kept, self._python_of(kept, job)
            if other is not None and (chosen := self._chosen_elsewhere(other, job)):
                return chosen
            lock, found = lock_spec(build.spec, self._pythons, self._resolver, job.log.line, job.cancel)
            if not build.refresh:  # a refresh replaces a lock that works, so it has to work itself first
                with write(self._engine) as connection:
                    keep_lock(connection, *owner, lock)
            return lock, found.path

    def _chosen_elsewhere(self, lock: Lock, job: _Job) -> tuple[Lock, Path] | None:
        """Keep the lock of another workspace here too; None where its Python is gone."""
        try:
            python = self._python_of(lock, job)
        except FailedPrecondition as error:
            job.log.line(f"but not here: {error.message}")
            return None
        with write(self._engine) as connection:
            keep_lock(connection, job.build.workspace, job.build.spec.digest, lock)
        return lock, python

    def _lock_of(self, build: Build) -> Lock:
        """Return the lock of the image that is to be made again."""
        with read(self._engine) as connection:
            lock = lock_of(connection, build.workspace, build.restored)
        if lock is None:
            raise NotFound(f"there is no image {build.restored!r} any more", reason="IMAGE_NOT_FOUND")
        return lock

    def _python_of(self, lock: Lock, job: _Job) -> Path:
        job.log.line("its versions were chosen before: the lock is kept until a refresh is asked for")
        if lock.interpreter is not None:
            return Path(lock.interpreter)
        if lock.conda_packages:
            return self._pythons.find(None, base_image=lock.base_image).path
        found = self._pythons.find(lock.python_version, strict=True, base_image=lock.base_image)
        for line in (f"Python {found.version} at {found.path}", *lock.warnings):
            job.log.line(line)
        return found.path

    @contextmanager
    def alone(self, name: str, cancel: threading.Event) -> Iterator[None]:
        """Let one at a time do what has this name: who comes later finds it done. Raises Cancelled."""
        with self._changing:
            lock = self._locking.setdefault(name, threading.Lock())
        while not lock.acquire(timeout=WAIT_SECONDS):
            if cancel.is_set():
                raise Cancelled("the build was canceled")
        try:
            yield
        finally:
            lock.release()

    def _advance(self, job: _Job, state: State, warnings: tuple[str, ...] | None = None) -> None:
        if job.cancel.is_set():
            raise Cancelled("the build was canceled")
        with write(self._engine) as connection:
            going = build_rows.advance(connection, job.build.key, state, now=self._clock(), warnings=warnings)
        if not going:
            raise Cancelled("the build was canceled")
        self._notify(job.build.key)

    def _succeed(self, job: _Job, lock: Lock, made: Made) -> None:
        build, now = job.build, self._clock()
        with write(self._engine) as connection:
            state, image = State.SUCCEEDED, lock.image_id
            if build_rows.advance(connection, build.key, state, now=now, image=image, warnings=lock.warnings):
                if not build.restored:
                    keep_lock(connection, build.workspace, build.spec.digest, lock)
                keep_image(connection, build.workspace, lock, now, made.reference, made.size)
        self._notify(build.key)

    def _fail(self, job: _Job, reason: str) -> None:
        job.log.line(f"ERROR: {reason}")
        job.log.flush()
        self._finish(job.build.key, State.FAILED, reason)

    def _finish(self, key: Key, state: State, error: str = "") -> None:
        with write(self._engine) as connection:
            build_rows.advance(connection, key, state, now=self._clock(), error=readable(error, ERROR_CHARACTERS))
        self._notify(key)


def _what(build: Build) -> str:
    if build.restored:
        return f"image {build.restored} is made again: it is not where it was"
    if not build.environment:
        return "an image with more packages"
    return f"environment {build.environment}" + (f", and with it {build.added}" if build.added else "")
