"""The files of a dataset in a folder of this machine, for a while."""

from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from orris.sdk.file_dataset import FileDataset


class MountContext:
    """Files of a dataset in a folder of this machine, as long as the context lasts."""

    def __init__(self, dataset: FileDataset, mount_point: str | os.PathLike[str] | None) -> None:
        self._dataset = dataset
        self._temporary = None if mount_point else tempfile.TemporaryDirectory(prefix="orris-data-")
        self.mount_point = os.fspath(mount_point) if mount_point else self._temporary.name  # type: ignore[union-attr]

    def start(self) -> None:
        """Put the files there."""
        self._dataset.download(self.mount_point, overwrite=True)

    def stop(self) -> None:
        """Remove a temporary folder."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
