"""Calls beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
AT_ONCE = 6


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Return what calls return that run beside each other."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [future.result() for future in [threads.submit(call) for call in calls]]


def same(call: Callable[..., T], *arguments: Any) -> list[T]:
    """Return what the same call returns, some times at once."""
    return at_once([partial(call, *arguments)] * AT_ONCE)
