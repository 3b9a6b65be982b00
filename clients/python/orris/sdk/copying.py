"""Bytes from one file to another on the same machine."""

from __future__ import annotations

import os
from contextlib import suppress

from orris.sdk.content import PIECE_BYTES
from orris.sdk.target_folder import write_at


def copy_range(source: int, source_offset: int, target: int, target_offset: int, size: int) -> None:
    """Copy bytes between two descriptors; where the file system can, both files share them until one is written to.

    What the source has not is left out. See copy_file_range(2); for what it does not do there is a loop.
    """
    done = 0
    with suppress(OSError, AttributeError):
        while done < size:
            copied = os.copy_file_range(source, target, size - done, source_offset + done, target_offset + done)
            if not copied:
                return
            done += copied
    while done < size and (data := os.pread(source, min(PIECE_BYTES, size - done), source_offset + done)):
        write_at(target, data, target_offset + done)
        done += len(data)
