"""Packs: small blobs that came together lie together in one object, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from orris_artifacts.index import Location

# Bytes between two blobs of an object that are read along rather than asked for separately, and the most read at once.
_GAP = 64 * 1024
_SPAN = 4 * 1024 * 1024


def packed(key: str, blobs: Mapping[str, bytes]) -> tuple[bytes, list[Location]]:
    """Return the bytes of the object `key` that holds these blobs, and where each lies in it."""
    locations = []
    offset = 0
    for digest, data in blobs.items():
        locations.append(Location(digest, len(data), key, offset))
        offset += len(data)
    return b"".join(blobs.values()), locations


@dataclass(slots=True)
class Span:
    """A part of an object that holds several blobs wanted."""

    object: str
    begin: int
    end: int
    locations: list[Location] = field(default_factory=list)

    def reaches(self, location: Location) -> bool:
        """Tell whether to read a blob that lies behind the span along with it."""
        near = location.offset <= self.end + _GAP and location.offset + location.size <= self.begin + _SPAN
        return location.object == self.object and near

    def cut(self, data: bytes) -> Iterator[tuple[Location, bytes]]:
        """Give each blob's bytes out of those of the span."""
        for location in self.locations:
            begin = location.offset - self.begin
            yield location, data[begin : begin + location.size]


def spans_of(locations: Iterable[Location]) -> list[Span]:
    """Return what to read for these blobs, in as few requests as sensible."""
    spans: list[Span] = []
    for location in sorted(locations, key=lambda each: (each.object, each.offset)):
        end = location.offset + location.size
        last = spans[-1] if spans else None
        if (
            last is None
            or last.object != location.object
            or location.offset > last.end + _GAP
            or end > last.begin + _SPAN
        ):
            last = Span(location.object, location.offset, end)
            spans.append(last)
        last.locations.append(location)
        last.end = max(last.end, end)
    return spans
