"""Make images as virtual environments in a folder of this machine."""

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orris_images.build.installing import Installing
from orris_images.build.port import Made, Progress
from orris_images.lock import Lock
from orris_kit import conda_prefix, virtualenv
from orris_kit.conda_channels import CondaChannels
from orris_kit.process import Log
from orris_kit.virtualenv import LinkMode


class VirtualenvBuilder:
    """Builds `<environments>/<image id>`."""

    containers = False

    def __init__(
        self,
        environments: Path,
        environ: Mapping[str, str],
        *,
        channels: CondaChannels = CondaChannels(),
        link_mode: LinkMode = "clone",
        timeout: float = 1800,
    ) -> None:
        self._environments, self._environ, self._channels = environments, environ, channels
        self._link_mode, self._timeout = link_mode, timeout

    def is_ready(self, image_id: str, reference: str = "") -> bool:
        """Implement Builder.is_ready."""
        return virtualenv.is_ready(self._environments / image_id)

    def is_there(self, image_id: str, reference: str = "") -> bool:
        """Implement Builder.is_there: to look is all that it takes."""
        return self.is_ready(image_id)

    def build(
        self, lock: Lock, interpreter: Path, log: Log, progress: Progress, cancel: threading.Event | None = None
    ) -> Made:
        """Implement Builder.build."""
        told = Installing(len(lock.packages), log, progress).line
        folder, options = self.folder(lock.image_id), self._options(lock, cancel)
        if lock.conda_packages:
            packages, place = lock.conda_packages, self._channels
            conda_prefix.make(folder, packages, lock.requirements, lock.image_id, told, channels=place, **options)
        else:
            virtualenv.make(folder, interpreter, lock.requirements, lock.image_id, told, **options)
        return Made(size=_size(folder))

    def _options(self, lock: Lock, cancel: threading.Event | None) -> dict[str, Any]:
        return {
            "environ": self._environ,
            "link_mode": self._link_mode,
            "allow_source_builds": lock.source_builds,
            "index_arguments": lock.index_arguments,
            "timeout": self._timeout,
            "cancel": cancel,
        }

    def delete(self, image_id: str, reference: str = "") -> None:
        """Implement Builder.delete."""
        virtualenv.remove(self.folder(image_id))

    def folder(self, image_id: str) -> Path:
        """Return where the environment of an image is, or will be."""
        return self._environments / image_id


def _size(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    size, folders = 0, [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                else:
                    size += entry.stat(follow_symlinks=False).st_size
    return size
