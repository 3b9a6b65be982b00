"""Streams that end when their server stops, so that a stop does not wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

from orris.errors import Unavailable
from orris_kit.context import current_call

T = TypeVar("T")


async def until_draining(source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Pass on what `source` gives; when the server begins to stop, close it and raise Unavailable (SERVER_DRAINING).

    For handlers of streams that may stay open: `async for item in until_draining(items): yield item`.
    """
    call = current_call()
    if call is None or call.draining is None:
        raise RuntimeError("until_draining is for handlers of RPCs")
    stop = asyncio.ensure_future(call.draining.wait())
    following: asyncio.Future[T] | None = None
    try:
        while not stop.done():
            following = asyncio.ensure_future(anext(source))
            await asyncio.wait((following, stop), return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                try:
                    item = following.result()
                except StopAsyncIteration:
                    return
                yield item
        raise Unavailable("the server is stopping; go on where you are", reason="SERVER_DRAINING", retry_after=1)
    finally:
        stop.cancel()
        await _close(source, following)


async def _close(source: AsyncIterator[T], following: asyncio.Future[T] | None) -> None:
    if following is not None:
        # Also one that is done: the caller may have gone just as the source ended.
        following.cancel()
        with suppress(asyncio.CancelledError, StopAsyncIteration):
            await following
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()
