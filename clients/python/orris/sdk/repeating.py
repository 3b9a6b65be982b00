"""Calls that are repeated while a service cannot be reached, and errors that come as those of `orris.errors`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

import grpc

from orris.errors import OrrisError, Unavailable, from_rpc_error

T = TypeVar("T")
Sleep = Callable[[float], object]

# Seconds between attempts, about 8 together: enough for a service to be restarted.
PAUSES = (0.1, 0.3, 0.8, 2.0, 5.0)
LONGEST_PAUSE = 30.0


def repeat(call: Callable[[], T], sleep: Sleep = time.sleep) -> T:
    """Return what `call` returns; repeat it, six times at most, while it fails with Unavailable.

    For calls that change nothing when they are repeated. Raises the error of the last attempt.
    """
    for pause in PAUSES:
        try:
            return _translated(call)
        except Unavailable as error:
            sleep(min(max(pause * random.uniform(0.7, 1.3), error.retry_after or 0), LONGEST_PAUSE))
    return _translated(call)


def _translated(call: Callable[[], T]) -> T:
    try:
        return call()
    except OrrisError:  # the channel has translated it already
        raise
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
