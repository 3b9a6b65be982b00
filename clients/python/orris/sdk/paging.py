"""Lists that arrive in pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

ItemT = TypeVar("ItemT")


def pages(call: Callable[[Any], Any], request: Any, items: Callable[[Any], Iterable[ItemT]]) -> Iterator[ItemT]:
    """Yield the items of all pages; the next page is asked for when the last one is used up."""
    while True:
        response = call(request)
        yield from items(response)
        if not response.next_page_token:
            return
        request.page_token = response.next_page_token
