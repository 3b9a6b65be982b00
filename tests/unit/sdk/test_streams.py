"""Streams that break are taken up again: nothing is lost, nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orris.errors import DataLoss, NotFound, Unavailable
from orris.sdk import streams


@dataclass
class Chunk:
    offset: int
    data: bytes
    end: bool = False


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAUSES", (0.0,))


class BreakingLog:
    """A log whose streams break after so many chunks each; `overlap` bytes before the offset asked for come again."""

    def __init__(self, content: bytes, breaks: list[int], overlap: int = 0) -> None:
        self.content, self.breaks, self.overlap = content, breaks, overlap

    def read(self, offset: int) -> Iterator[Chunk]:
        chunks = self.breaks.pop(0) if self.breaks else None
        start = max(0, offset - self.overlap)
        for position in range(start, len(self.content), 3):
            if chunks == 0:
                raise Unavailable("restarting")
            chunks = None if chunks is None else chunks - 1
            yield Chunk(position, self.content[position : position + 3])
        if chunks is not None:
            raise Unavailable("restarting")
        yield Chunk(len(self.content), b"", end=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.lists(st.integers(0, 4), max_size=6), st.integers(0, 7))
def test_a_log_arrives_whole_wherever_its_stream_breaks(content: bytes, breaks: list[int], overlap: int) -> None:
    assert b"".join(streams.read_log(BreakingLog(content, breaks, overlap).read)) == content


def test_a_stream_without_end_marker_is_opened_again_at_the_next_byte() -> None:
    asked: list[int] = []

    def read(offset: int) -> Iterator[Chunk]:
        asked.append(offset)
        yield from [Chunk(0, b"abc")] if offset == 0 else [Chunk(3, b"de", end=True)]

    assert b"".join(streams.read_log(read)) == b"abcde"
    assert asked == [0, 3]


def test_without_follow_a_stream_may_end_anywhere() -> None:
    assert [*streams.read_log(lambda offset: [Chunk(0, b"abc")], follow=False)] == [b"abc"]


def test_a_gap_is_an_error_and_not_silence() -> None:
    with pytest.raises(DataLoss):
        list(streams.read_log(lambda offset: [Chunk(5, b"x", end=True)]))


def test_patience_ends() -> None:
    def read(offset: int) -> Iterator[Chunk]:
        raise Unavailable("down")
        yield

    with pytest.raises(Unavailable, match="down"):
        list(streams.read_log(read, patience=0.0))


def test_other_errors_are_not_repeated() -> None:
    calls: list[int] = []

    def read(offset: int) -> Iterator[Chunk]:
        calls.append(offset)
        raise NotFound("no such run")
        yield

    with pytest.raises(NotFound):
        list(streams.read_log(read))
    assert calls == [0]


def test_a_watch_is_opened_again_until_its_last_message() -> None:
    openings: Iterator[list[str | Unavailable]] = iter([["a", Unavailable("x")], [], ["b", "c", "never"]])

    def open_stream() -> Iterator[str]:
        for item in next(openings):
            if isinstance(item, Unavailable):
                raise item
            yield item

    assert [*streams.watch(open_stream, lambda message: message == "c")] == ["a", "b", "c"]
