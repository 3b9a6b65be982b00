"""Make images as virtual environments in a folder of this machine."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path

from orris_images.lock import Lock
from orris_kit import virtualenv
from orris_kit.process import Log
from orris_kit.virtualenv import LinkMode


class VirtualenvBuilder:
    """Builds `<environments>/<image id>`."""

    def __init__(
        self, environments: Path, environ: Mapping[str, str], *, link_mode: LinkMode = "clone", timeout: float = 1800
    ) -> None:
        self._environments, self._environ = environments, environ
        self._link_mode, self._timeout = link_mode, timeout

    def is_ready(self, image_id: str) -> bool:
        """Implement Builder.is_ready."""
        return virtualenv.is_ready(self._environments / image_id)

    def size(self, image_id: str) -> int:
        """Implement Builder.size."""
        return sum(
            (Path(folder) / name).lstat().st_size
            for folder, _, names in os.walk(self._environments / image_id)
            for name in names
        )

    def build(self, lock: Lock, interpreter: Path, log: Log, cancel: threading.Event | None = None) -> str:
        """Implement Builder.build; the location is the environment's folder, or the user-managed interpreter."""
        if lock.interpreter is not None:
            log(f"nothing to install: {lock.interpreter} is looked after by its user")
            return lock.interpreter
        folder = virtualenv.make(
            self._environments / lock.image_id,
            interpreter,
            lock.requirements,
            lock.image_id,
            log,
            environ=self._environ,
            link_mode=self._link_mode,
            allow_source_builds=lock.source_builds,
            index_arguments=lock.index_arguments,
            timeout=self._timeout,
            cancel=cancel,
        )
        return str(folder)
