"""A file that a run wrote, to be uploaded: opened below its folder each time, never through a link to elsewhere."""

from __future__ import annotations

import os

from orris.errors import FailedPrecondition
from orris.sdk.content import FileContent
from orris_agent.beneath import Beneath


class RunFile(FileContent):
    """The file at `inner`, a path below the folder. Raises FailedPrecondition (FILE_UNREADABLE)."""

    __slots__ = ("_folder", "_inner")

    def __init__(self, folder: Beneath, inner: str) -> None:
        self._folder, self._inner = folder, inner
        try:
            with folder.opened(inner) as descriptor:
                found = os.fstat(descriptor)
        except OSError as error:
            raise _unreadable(inner, error) from error
        super().__init__(folder.root / inner, found)

    def descriptor(self) -> int:
        """Return a descriptor of the file that is there now."""
        try:
            with self._folder.opened(self._inner) as descriptor:
                return os.dup(descriptor)
        except OSError as error:
            raise _unreadable(self._inner, error) from error

    def anew(self) -> RunFile:
        """Return the file as it is now."""
        return RunFile(self._folder, self._inner)


def _unreadable(path: str, error: OSError) -> FailedPrecondition:
    return FailedPrecondition(f"{path!r} cannot be read: {error.strerror}", reason="FILE_UNREADABLE")
