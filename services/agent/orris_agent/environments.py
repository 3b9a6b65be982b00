"""Make images runnable on this machine: a virtual environment for each, kept under its image's id."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from orris import errors
from orris.images.v1 import images_pb2 as images
from orris.names import ImageName
from orris_kit import interpreters, virtualenv
from orris_kit.blocking import run_blocking
from orris_kit.virtualenv import LinkMode


class VirtualEnvironments:
    """The virtual environments of this machine, in `root/<image id>`."""

    def __init__(self, root: Path, link_mode: LinkMode = "clone") -> None:
        self._root, self._link_mode = root, link_mode

    def ready(self, image: images.Image) -> Path | None:
        """Return the interpreter of an image that is runnable here already, else None."""
        if image.lock.interpreter:
            return self._user_managed(image)
        folder = self._folder(image)
        return virtualenv.python_of(folder) if virtualenv.is_ready(folder) else None

    async def make(self, image: images.Image, log: Callable[[str], None]) -> Path:
        """Return the image's interpreter, after installing the lock where that has not been done yet.

        Raises FailedPrecondition when the lock's Python is absent here or a package cannot be installed.
        """
        found = self.ready(image)
        if found is not None:
            return found
        return await run_blocking(self._install, image, _from_thread(log))

    def _install(self, image: images.Image, log: Callable[[str], None]) -> Path:
        python = interpreters.find_exact(image.lock.python_version, environ=os.environ, own=Path(sys.executable))
        folder = self._folder(image)
        virtualenv.make(
            folder, python, image.lock.requirements, folder.name, log, environ=os.environ, link_mode=self._link_mode
        )
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


def _from_thread(log: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that passes lines to `log` on the event loop."""
    loop = asyncio.get_running_loop()

    def pass_on(line: str) -> None:
        loop.call_soon_threadsafe(log, line)

    return pass_on
