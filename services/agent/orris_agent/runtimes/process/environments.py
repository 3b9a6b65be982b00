"""Make images runnable on this machine: a virtual environment for each, kept under its image's id."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

from orris import errors
from orris.images.v1 import images_pb2 as images
from orris.names import ImageName
from orris_kit import conda_prefix, interpreters, uv, virtualenv
from orris_kit.blocking import run_blocking
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
from orris_kit.virtualenv import LinkMode


class VirtualEnvironments:
    """The environments of this machine, in `root/<image id>`; those of conda packages come from `channels`."""

    def __init__(self, root: Path, link_mode: LinkMode = "clone", channels: CondaChannels = CondaChannels()) -> None:
        self._root, self._link_mode, self._channels = root, link_mode, channels

    def ready(self, image: images.Image) -> Path | None:
        """Return the interpreter of an image that is runnable here already, else None."""
        if image.lock.interpreter:
            return self._user_managed(image)
        folder = self._folder(image)
        return virtualenv.python_of(folder) if virtualenv.is_ready(folder) else None

    def python(self, image: images.Image) -> Path:
        """Return the interpreter of an image that is runnable here."""
        if image.lock.interpreter:
            return self._user_managed(image)
        return virtualenv.python_of(self._folder(image))

    async def make(self, image: images.Image, log: Callable[[str], None]) -> Path:
        """Return the image's interpreter, after installing the lock where that has not been done yet.

        Raises FailedPrecondition when the lock's Python is absent here or a package cannot be installed.
        """
        found = self.ready(image)
        if found is not None:
            return found
        return await run_blocking(self._install, image, _from_thread(log))

    def _install(self, image: images.Image, log: Callable[[str], None]) -> Path:
        lock, folder = image.lock, self._folder(image)
        options: dict[str, Any] = {
            "environ": os.environ,
            "link_mode": self._link_mode,
            "allow_source_builds": lock.source_builds,
            "index_arguments": uv.index_arguments(lock.index_url, lock.extra_index_urls),
        }
        if lock.conda_packages:
            packages, place = [_conda_package(each) for each in lock.conda_packages], self._channels
            conda_prefix.make(folder, packages, lock.requirements, folder.name, log, channels=place, **options)
        else:
            python = interpreters.find_exact(lock.python_version, environ=os.environ, own=Path(sys.executable))
            virtualenv.make(folder, python, lock.requirements, folder.name, log, **options)
        return virtualenv.python_of(folder)

    def _folder(self, image: images.Image) -> Path:
        return self._root / ImageName.parse(image.name).image

    def _user_managed(self, image: images.Image) -> Path:
        path = Path(image.lock.interpreter)
        if not os.access(path, os.X_OK):
            raise errors.FailedPrecondition(
                f"The environment's interpreter {path} is not on this machine or cannot be executed.",
                reason="INTERPRETER_NOT_FOUND",
            )
        return path


def _conda_package(message: images.CondaPackage) -> CondaPackage:
    return CondaPackage(**{field.name: getattr(message, field.name) for field in fields(CondaPackage)})


def _from_thread(log: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that passes lines to `log` on the event loop."""
    loop = asyncio.get_running_loop()

    def pass_on(line: str) -> None:
        loop.call_soon_threadsafe(log, line)

    return pass_on
