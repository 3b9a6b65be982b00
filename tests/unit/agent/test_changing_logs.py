"""A log whose file is rotated, exchanged or written anew is one stream, without a hole, or it says so."""

from __future__ import annotations

import os
from logging import LogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from orris_agent.beneath import Beneath
from orris_agent.folder import LOG_PARTS, RunFolder
from orris_agent.log_parts import LogParts
from orris_agent.log_source import ChangingFile, Part
from orris_agent.shipping import LogFile, Shipping

from .test_shipping import StoredReports, send

WHOLE = b"--- orris: the file was begun anew; all that it had before is above ---\n"


def log_of(folder: Path, known: list[Part] | None = None, held: bool = True) -> ChangingFile:
    """Return the log `app.log` in a folder; what is to be noted of it is put into `known`."""
    noted = [] if known is None else known

    def note(parts: list[Part]) -> None:
        noted[:] = parts

    return ChangingFile(Beneath(folder), "logs", "app.log", list(noted), note, held)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs" / "app.log"


def rotate(app: Path, content: bytes) -> None:
    if app.exists():
        app.rename(app.with_name("app.log.1"))
    app.write_bytes(content)


@pytest.mark.parametrize("held", [True, False])
def test_what_was_not_sent_before_a_rotation_is_sent_then_a_line_and_the_new_file(
    tmp_path: Path, app: Path, held: bool
) -> None:
    log = log_of(tmp_path, held=held)
    app.write_bytes(b"one\n")
    assert log.read(0, 100) == b"one\n"
    with app.open("ab") as file:
        file.write(b"two\n")
    rotate(app, b"three\n")
    assert log.read(4, 1000) == b"two\n" + WHOLE + b"three\n"
    app.write_bytes(b"three\nfour\n")
    assert log.read(8 + len(WHOLE) + 6, 1000) == b"four\n"


def test_every_line_of_a_rotating_handler_arrives_once(tmp_path: Path, app: Path) -> None:
    log, stored = log_of(tmp_path), b""
    handler = RotatingFileHandler(app, maxBytes=2000, backupCount=1)
    for number in range(1000):
        handler.emit(LogRecord("a", 20, "", 0, f"line {number:04} {'x' * 30}", None, None))
        if number % 7 == 0:
            stored += log.read(len(stored), 1 << 20)
    stored += log.read(len(stored), 1 << 20)
    handler.close()
    lines = [line for line in stored.splitlines() if not line.startswith(b"---")]
    assert lines == [f"line {number:04} {'x' * 30}".encode() for number in range(1000)]
    assert stored.count(WHOLE) > 10


def test_the_rest_of_a_file_that_was_removed_is_read_all_the_same(tmp_path: Path, app: Path) -> None:
    log = log_of(tmp_path)
    app.write_bytes(b"one\n")
    assert log.read(0, 100) == b"one\n"
    with app.open("ab") as file:
        file.write(b"two")
    app.unlink()
    assert log.read(4, 100) == b"two"
    assert log.read(7, 100) == b"", "perhaps another comes"
    app.write_bytes(b"three\n")
    assert log.read(7, 1000) == b"\n" + WHOLE + b"three\n", "on a line of its own"


@pytest.mark.parametrize("anew", [b"x\n", b"other!\nlonger than before\n"], ids=["shorter", "longer"])
def test_a_file_that_was_written_anew_in_place_says_what_was_read_of_it(tmp_path: Path, app: Path, anew: bytes) -> None:
    log = log_of(tmp_path)
    app.write_bytes(b"before\n")
    assert log.read(0, 100) == b"before\n"
    app.write_bytes(anew)
    line = b"--- orris: the file was begun anew in place; of what it had before, 7 bytes were read ---\n"
    assert log.read(7, 1000) == line + anew


def test_an_empty_file_that_is_exchanged_needs_no_word(tmp_path: Path, app: Path) -> None:
    log = log_of(tmp_path)
    app.touch()
    assert log.read(0, 100) == b""
    (tmp_path / "new").write_bytes(b"one\n")
    (tmp_path / "new").rename(app)
    assert log.read(0, 100) == b"one\n"


@pytest.mark.parametrize("stored", range(0, 8 + len(WHOLE) + 6, 3))
def test_a_second_agent_goes_on_wherever_the_servers_copy_ends(tmp_path: Path, app: Path, stored: int) -> None:
    """In the file before, which has another name by now, in the line, or in the new one: each byte once."""
    known: list[Part] = []
    first = log_of(tmp_path, known)
    app.write_bytes(b"one\n")
    assert first.read(0, 100) == b"one\n"
    with app.open("ab") as file:
        file.write(b"two\n")
    rotate(app, b"three\n")
    whole = b"one\n" + first.read(4, 1000)
    assert whole == b"one\ntwo\n" + WHOLE + b"three\n"
    assert whole[:stored] + log_of(tmp_path, known).read(stored, 1000) == whole


def test_what_is_lost_between_two_agents_is_said(tmp_path: Path, app: Path) -> None:
    known: list[Part] = []
    app.write_bytes(b"one\n")
    assert log_of(tmp_path, known).read(0, 100) == b"one\n"
    (tmp_path / "new").write_bytes(b"three\n")
    (tmp_path / "new").rename(app)
    line = b"--- orris: the file was begun anew; of what it had before, what follows byte 4 is lost ---\n"
    assert log_of(tmp_path, known).read(4, 1000) == line + b"three\n"


def test_pieces_are_as_large_as_they_are_asked_for(tmp_path: Path, app: Path) -> None:
    log = log_of(tmp_path)
    app.write_bytes(b"a" * 1000)
    log.read(0, 10)
    rotate(app, b"b" * 1000)
    read = b""
    while piece := log.read(len(read), 13):
        read += piece
    assert read == b"a" * 1000 + b"\n" + WHOLE + b"b" * 1000


async def test_a_log_that_was_rotated_is_not_ended_before_all_of_it_is_sent(tmp_path: Path, app: Path) -> None:
    server, file = StoredReports(), LogFile("l", log_of(tmp_path))
    rotate(app, b"one\n")
    await send(server, file)
    rotate(app, b"two\n")
    await send(server, file, last=True)
    assert server.logs == {"l": b"one\n" + WHOLE + b"two\n"}
    assert server.complete == {"l"}


async def test_what_a_killed_agent_sent_of_rotated_logs_is_not_sent_again(tmp_path: Path) -> None:
    server, folder = StoredReports(), RunFolder(tmp_path)
    app = folder.work / "logs" / "app.log"
    app.parent.mkdir(parents=True)
    app.write_bytes(b"one\n")
    first = Shipping(server, folder)  # type: ignore[arg-type]
    await first._look()
    while await first._send():
        pass
    rotate(app, b"two\n")
    while await first._send():
        pass
    second = Shipping(server, folder)  # type: ignore[arg-type]
    app.write_bytes(b"two\nthree\n")
    await second._look()
    await second.finalize(second.last())
    assert server.logs["logs/app.log"] == b"one\n" + WHOLE + b"two\nthree\n"


@pytest.mark.parametrize(
    "written", [b"", b"[", b"[" * 100_000, b'{"a": [[1]]}', b'{"a": [[-1, null, ""]]}', b'{"a": [[5, [1e999, 1], ""]]}']
)
def test_what_a_run_made_of_the_note_harms_nobody(tmp_path: Path, written: bytes) -> None:
    (tmp_path / LOG_PARTS).write_bytes(written)
    assert LogParts(tmp_path, begun=True).of("a") is None


def test_no_descriptor_stays_open(tmp_path: Path, app: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    log = log_of(tmp_path)
    app.write_bytes(b"one\n")
    log.read(0, 100)
    for number in range(20):
        rotate(app, str(number).encode())
        log.read(4, 10_000)
    del log
    assert len(os.listdir("/proc/self/fd")) == before
