"""How far long work is: short work says nothing, long work now and then, and nothing stays in the terminal."""

from __future__ import annotations

import io
import sys

import pytest

from orris.sdk import progress
from orris.sdk.progress import ByteProgress, bytes_shown

MB = 1_000_000


class Terminal(io.StringIO):
    """Standard error, as a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


def test_without_a_terminal_long_work_says_a_line_now_and_then(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = ByteProgress("Downloading")
    for second in range(13):
        clock.now = 100.0 + second
        shown(second * MB, 20 * MB)
    shown.close()
    said = capsys.readouterr()
    assert said.err.splitlines() == ["Downloading: 5.0 of 20.0 MB", "Downloading: 10.0 of 20.0 MB"]
    assert said.out == ""


def test_short_work_says_nothing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with bytes_shown("Downloading") as shown:
        for done in range(11):
            shown(done * MB, 10 * MB)
    assert terminal.getvalue() == ""


def test_in_a_terminal_a_bar_is_drawn_that_goes_with_the_work(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(ZeroDivisionError), bytes_shown("Downloading") as shown:
        clock.now += progress.BAR_AFTER_SECONDS
        shown(3 * MB, 10 * MB)
        raise ZeroDivisionError
    drawn = terminal.getvalue()
    assert "Downloading" in drawn
    assert "10.0 MB" in drawn
    assert drawn.endswith(("\x1b[2K", "\x1b[?25h")), "the last thing said clears the line or brings the cursor back"
