"""Files that are there completely or not at all, on a full disk too."""

import errno
import os
import time


def write_file(folder: str, name: str, content: bytes, synchronized: bool = False) -> None:
    """Write a file so that it is there completely or not at all. On a full disk this waits for room.

    `.NAME` may exist already (see reserve): it is overwritten in place and keeps its size. Only a `synchronized` one
    is there after the machine has lost its power.
    """
    temporary = os.path.join(folder, "." + name)
    while True:
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                content = content.ljust(os.fstat(descriptor).st_size)
                if os.write(descriptor, content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if synchronized:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, os.path.join(folder, name))
            break
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            time.sleep(1.0)
    if synchronized:
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def reserve(folder: str, name: str) -> None:
    """Take the room that write_file will need, so that a run which fills the disk can still be recorded."""
    descriptor = os.open(os.path.join(folder, "." + name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(descriptor, b" " * 8192)
    os.close(descriptor)
