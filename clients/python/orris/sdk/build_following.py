"""Builds as they go on: their log, how far they are, how they end."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING

from orris.images.v1 import images_pb2
from orris.sdk.failures import BuildFailed, StillRunning

if TYPE_CHECKING:
    from orris.sdk.build import Build

POLL_SECONDS = 0.1


def follow(build: Build) -> Iterator[bytes]:
    """Yield what the log has grown by, perhaps nothing; each time, `build` is as it stands then."""
    offset = 0
    while True:
        last = build.finished  # behind a final state nothing is appended to the log
        data = b"".join(build.log(offset=offset, follow=False))
        offset += len(data)
        yield data
        if last:
            return
        if not data:
            sleep(POLL_SECONDS)
        build.refresh()


def wait(build: Build, *, show_output: bool) -> Build:
    """Wait until the image is there; with `show_output` print the log as it grows. Returns the build itself.

    Raises BuildFailed, StillRunning on Ctrl-C.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        for data in follow(build):
            if show_output:
                sys.stdout.write(decoder.decode(data))
                sys.stdout.flush()
    except KeyboardInterrupt:
        raise StillRunning(goes_on(build)) from None
    return check(build)


def check(build: Build) -> Build:
    """Return a build that has ended well. Raises BuildFailed for another."""
    if build.message.state != images_pb2.Build.STATE_SUCCEEDED:
        raise BuildFailed(f"build {build.id}: {build.status}: {build.error or 'no reason is known'}")
    return build


def goes_on(build: Build) -> str:
    """Say what to tell somebody who stopped waiting."""
    return (
        f"build {build.id} goes on: follow it with `orris builds logs -f {build.id}`, "
        f"end it with `orris builds cancel {build.id}`"
    )
