"""Keys of objects: each says its workspace and when it was made, and is used once.

    <workspace>/<first two digits>/<digest>-<id>    one blob
    <workspace>/packs/<id>                          several small blobs, one after the other

    <workspace>/<first two digits>/<digest>         one blob, as version 0.1 wrote it

An id is the time in seconds and 64 random bits. So whoever finds an object that no row knows can tell, by this
service's clock, whether it is being uploaded or was left behind; and no object ever takes another one's place.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

_ID = re.compile(r"[0-9a-f]{24}")
_MADE = re.compile(r"(?:^|[/-])([0-9a-f]{8})[0-9a-f]{16}$")
_OLD = re.compile(r"[^/]+/(?P<shard>[0-9a-f]{2})/(?P<digest>(?P=shard)[0-9a-f]{62})")


def new_id(now: datetime) -> str:
    """Return an id that nobody else has: 24 hexadecimal digits."""
    return f"{int(now.timestamp()):08x}{secrets.token_hex(8)}"


def is_id(text: str) -> bool:
    """Tell whether `text` is what `new_id` returns."""
    return _ID.fullmatch(text) is not None


def blob_key(workspace: str, digest: str, upload: str) -> str:
    """Return the key of an object that holds one blob; `upload` is an id."""
    return f"{workspace}/{digest[:2]}/{digest}-{upload}"


def pack_key(workspace: str, upload: str) -> str:
    """Return the key of an object that holds several blobs; `upload` is an id."""
    return f"{workspace}/packs/{upload}"


def is_pack(key: str) -> bool:
    """Tell whether a key is that of several blobs' object."""
    return key.split("/")[1:2] == ["packs"]


def made_at(key_or_id: str) -> datetime | None:
    """Return when an id, or the key that ends in it, was made: 1970 for a key without one, None for what is no key."""
    if _OLD.fullmatch(key_or_id):
        return datetime.fromtimestamp(0, UTC)
    found = _MADE.search(key_or_id)
    return datetime.fromtimestamp(int(found[1], 16), UTC) if found else None


def old_digest(key: str) -> str | None:
    """Return the digest of the blob whose key has no id; None for any other key."""
    found = _OLD.fullmatch(key)
    return found["digest"] if found else None
