"""Numbers of bytes as people write and read them."""

from __future__ import annotations

import re
from fractions import Fraction

from orris.errors import InvalidArgument

_WRITTEN = re.compile(r"(\d+(?:\.\d+)?) ?([a-z]*)", re.ASCII | re.IGNORECASE)
# A letter alone counts as Docker counts.
_BYTES = {"": 1, "b": 1} | {
    f"{letter}{rest}": base**power
    for power, letter in enumerate("kmgtp", 1)
    for rest, base in (("", 1024), ("ib", 1024), ("b", 1000))
}
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
LARGEST = 2**63 - 1


def parse_size(written: str | int, field: str) -> int:
    """Return bytes for "2GiB", "1.5 GB", Docker's "2g" (2 GiB) or a whole number.

    Raises InvalidArgument that names `field`.
    """
    found = _WRITTEN.fullmatch(str(written).strip())
    unit = _BYTES.get(found[2].lower(), 0) if found else 0
    if found is None or not unit or (unit == 1 and "." in found[1]) or len(found[1]) > 30:
        message = f"{field}: {str(written)[:50]!r} is no size; write it like 2GiB, 512MiB or 500MB"
        raise InvalidArgument(message, field=field)
    size = int(Fraction(found[1]) * unit)
    if size > LARGEST:
        raise InvalidArgument(f"{field}: {str(written)[:50]} is more than there is anywhere", field=field)
    return size


def size_text(size: int) -> str:
    """Return bytes for people, rounded down to a tenth: "512 MiB", "7.6 GiB"."""
    power = min((size.bit_length() - 1) // 10, len(_UNITS) - 1) if size > 0 else 0
    whole, tenth = divmod(size * 10 // 1024**power, 10)
    return f"{whole}{f'.{tenth}' if tenth else ''} {_UNITS[power]}"
