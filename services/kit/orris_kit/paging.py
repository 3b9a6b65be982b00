"""Lists in pages: a page ends with a token that says where the next begins.

The token is the last row's key, with a fingerprint of the query: a token taken to another query is refused.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence

from orris.errors import InvalidArgument
from orris_kit.text import can_be_kept

Scalar = str | int | float | bool | None

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000


def page_size(requested: int, *, default: int = DEFAULT_PAGE_SIZE, maximum: int = MAX_PAGE_SIZE) -> int:
    """Return how many rows to give: the default for 0, never more than the maximum. Raises InvalidArgument below 0."""
    if requested < 0:
        raise InvalidArgument("page_size must not be negative", field="page_size")
    return min(requested or default, maximum)


def page_token(last_key: Sequence[Scalar], query: Mapping[str, object]) -> str:
    """Return the token of the page after the row with this key, in the list that `query` (JSON-like) describes."""
    content = json.dumps([_fingerprint(query), *last_key], separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def after_key(token: str, query: Mapping[str, object], *types: type[Scalar]) -> tuple[Scalar, ...] | None:
    """Return the key to go on after; None for the first page (no token).

    `types` are those of the key's parts. Raises InvalidArgument for what is no token of this query.
    """
    if not token:
        return None
    try:
        content = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, list) or len(content) != 1 + len(types) or content[0] != _fingerprint(query):
        raise InvalidArgument("page_token is not of this list; begin without one", field="page_token")
    if not all(type(part) is wanted and _can_be_kept(part) for part, wanted in zip(content[1:], types, strict=True)):
        raise InvalidArgument("page_token is damaged; begin without one", field="page_token")
    return tuple(content[1:])


def _can_be_kept(part: Scalar) -> bool:
    """Tell whether a database can compare with it."""
    if isinstance(part, str):
        return can_be_kept(part)
    return not isinstance(part, int) or abs(part) < 1 << 63


def _fingerprint(query: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(query, sort_keys=True, default=str).encode()).hexdigest()[:12]
