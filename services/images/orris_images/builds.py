"""Asking for images: a finished build where the image is there, the running one, else a new one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from orris.errors import FailedPrecondition, NotFound
from orris_images import build_rows, schema
from orris_images.build.port import Builder
from orris_images.build_log import append, read_log
from orris_images.building import Building
from orris_images.images import Images, forget_place, image_of, keep_image, keep_lock, kept_lock, note_there
from orris_images.interpreters import Pythons
from orris_images.locking import lock_user_managed, unused_base_image
from orris_images.records import UNFINISHED, Build, State, restore_target
from orris_images.spec import Spec
from orris_kit.database import read, take_turn, write

NO_CONTAINERS = "this instance makes no container images; start it with ORRIS_IMAGES_BUILDER=oci"

# Method, workspace, request id, payload.
Request = tuple[str, str, str, bytes]


class Builds:
    """The builds in a database."""

    def __init__(
        self,
        engine: sa.Engine,
        building: Building,
        builder: Builder,
        images: Images,
        pythons: Pythons,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._engine, self._building, self._builder, self._pythons = engine, building, builder, pythons
        self._images, self._clock, self._new_id = images, clock, new_id

    def create(
        self,
        workspace: str,
        target: str,
        spec: Spec,
        *,
        refresh: bool = False,
        request_id: str = "",
        payload: bytes = b"",
    ) -> Build:
        """Return the build that makes, or has made, the image of a target.

        Raises FailedPrecondition (INTERPRETER_NOT_FOUND) for a strict spec whose Python is absent, and
        (NO_CONTAINER_IMAGES) for a Dockerfile where no container images are made.
        """
        request = ("CreateBuild", workspace, request_id, payload)
        with read(self._engine) as connection:
            if known := self._known(connection, request, target, spec, refresh):
                return known
        if spec.dockerfile is not None and not self._builder.containers:
            raise FailedPrecondition(NO_CONTAINERS, reason="NO_CONTAINER_IMAGES")
        if spec.strict and spec.asks_python and not self._building.brings_python(spec):
            self._pythons.find(spec.python, strict=True)
        with write(self._engine) as connection:
            take_turn(connection, "target", workspace, target)
            if known := self._known(connection, request, target, spec, refresh):
                return known
            build = self._running(connection, workspace, target, refresh)
            joined = build is not None
            if build is None:
                build = self._new(connection, workspace, target, spec, refresh)
            schema.requests.remember(connection, *request, build.build)
        if not joined and not build.finished:
            self._building.submit(build)
        return build

    def restore(self, workspace: str, image: str) -> Build:
        """Return the build that makes an image again from its lock; a finished one where the image is there after all.

        Raises NotFound (IMAGE_NOT_FOUND), Unavailable when it cannot be told whether it is there.
        """
        found = self._images.get(workspace, image)
        target = restore_target(image)
        there = found.looked_after or self._builder.is_there(image, found.reference)
        with write(self._engine) as connection:
            take_turn(connection, "target", workspace, target)
            if there:
                note_there(connection, workspace, image, self._clock())
            if there and (made := build_rows.newest_of_image(connection, workspace, image)):
                return replace(made, cached=True)
            if running := build_rows.newest(connection, workspace, target, UNFINISHED):
                return running
            build = Build(workspace, self._new_id(), target, Spec(), False, State.QUEUED, self._clock())
            if there:
                return self._finished(connection, replace(build, image=image, cached=True), f"image {image} is there")
            forget_place(connection, workspace, image, build.create_time)
            build_rows.insert(connection, build)
        self._building.submit(build)
        return build

    def get(self, workspace: str, build: str) -> Build:
        """Return a build. Raises NotFound (BUILD_NOT_FOUND)."""
        with read(self._engine) as connection:
            found = build_rows.get(connection, (workspace, build))
        if found is None:
            raise NotFound(f"there is no build {build!r} in the workspace {workspace!r}", reason="BUILD_NOT_FOUND")
        return found

    def list(self, workspace: str, after: tuple[datetime, str] | None, limit: int) -> tuple[list[Build], bool]:
        """Return up to `limit` builds, newest first, behind `after` (create time, id); and whether there are more."""
        with read(self._engine) as connection:
            found = build_rows.page(connection, workspace, after, limit + 1)
        return found[:limit], len(found) > limit

    def cancel(self, workspace: str, build: str) -> Build:
        """Cancel a build unless it is finished; return it as it stands now. Raises NotFound (BUILD_NOT_FOUND)."""
        found = self.get(workspace, build)
        if found.finished:
            return found
        self._building.cancel(found.key)
        return self.get(workspace, build)

    def read_log(self, workspace: str, build: str, offset: int) -> tuple[bytes, bool]:
        """Return the log's next bytes from `offset`, and whether it ends behind them. Raises NotFound, OutOfRange."""
        return read_log(self._engine, (workspace, build), offset)

    def _known(
        self, connection: sa.Connection, request: Request, target: str, spec: Spec, refresh: bool
    ) -> Build | None:
        """Return the build that this request made before, or one whose image is there: the way of almost all runs."""
        workspace = request[1]
        if made := schema.requests.recall(connection, *request):
            return build_rows.get(connection, (workspace, made))
        if refresh:
            return None
        image, reference = image_of(connection, workspace, spec.digest)
        if not image or not self._is_ready(image, reference, spec):
            return None
        build = build_rows.newest(connection, workspace, target, (State.SUCCEEDED,))
        return replace(build, cached=True) if build is not None and build.image == image else None

    def _is_ready(self, image: str, reference: str, spec: Spec) -> bool:
        return self._looked_after(spec) or self._builder.is_ready(image, reference)

    def _looked_after(self, spec: Spec) -> bool:
        """Tell whether there is nothing to make: a user-managed interpreter of a machine."""
        return spec.interpreter is not None and not (spec.base_image and self._builder.containers)

    def _running(self, connection: sa.Connection, workspace: str, target: str, refresh: bool) -> Build | None:
        build = build_rows.newest(connection, workspace, target, UNFINISHED)
        return build if build is not None and (build.refresh or not refresh) else None

    def _new(self, connection: sa.Connection, workspace: str, target: str, spec: Spec, refresh: bool) -> Build:
        """Make a build: finished at once where nothing has to be resolved or installed."""
        now = self._clock()
        build = Build(workspace, self._new_id(), target, spec, refresh, State.QUEUED, now)
        image, reference = image_of(connection, workspace, spec.digest)
        told = ""
        if self._looked_after(spec):
            assert spec.interpreter is not None
            lock = lock_user_managed(spec.interpreter)
            keep_lock(connection, workspace, spec.digest, lock)
            keep_image(connection, workspace, lock, now)
            image, told = lock.image_id, f"nothing to install: {spec.interpreter} is looked after by its user"
            if spec.base_image:
                build = replace(build, warnings=(unused_base_image(spec.base_image),))
        elif image and not refresh and self._is_ready(image, reference, spec):
            kept = kept_lock(connection, workspace, spec.digest)
            build = replace(build, cached=True, warnings=() if kept is None else kept.warnings)
            told = f"image {image} is there: another environment asks for the same"
        if told:
            return self._finished(connection, replace(build, image=image), told)
        build_rows.insert(connection, build)
        return build

    def _finished(self, connection: sa.Connection, build: Build, told: str) -> Build:
        now = build.create_time
        build = replace(build, state=State.SUCCEEDED, start_time=now, end_time=now, progress_percent=100)
        build_rows.insert(connection, build)
        append(connection, build.key, 0, f"{build.target}\n{told}\n".encode())
        return build
