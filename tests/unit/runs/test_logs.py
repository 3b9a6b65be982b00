"""Logs: addressed by offset, nothing lost, nothing twice, an end that stays the end."""

from hashlib import sha256
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from orris.names import RunName
from orris_runs.limits import LOG_APPEND_BYTES, LOG_ROW_BYTES
from orris_runs.log_rows import NOTICE
from orris_runs.logs import BUILD_LOG, DRIVER_LOG, LogSizes, Piece, Taken
from orris_runs.model import STD_LOG, Run
from orris_runs.states import State

from .conftest import BUILD, IMAGE, World


def read(world: World, run: Run, file: str = STD_LOG) -> tuple[bytes, Piece]:
    data = b""
    while True:
        piece = world.core.logs.read("default", run.id, file, len(data))
        data += piece.data
        if piece.end or not piece.data:
            return data, piece


def test_what_is_sent_again_is_stored_once(world: World) -> None:
    world.agent()
    run, lease = world.start()
    append = world.core.logs.append
    assert append(lease, STD_LOG, 0, b"hello", False) == Taken(5)
    assert append(lease, STD_LOG, 0, b"hello", False) == Taken(5)
    assert append(lease, STD_LOG, 3, b"lo world", False) == Taken(11)
    assert read(world, run)[0] == b"hello world"
    assert ("logs", run.key) in world.notified


def test_a_gap_is_refused_and_says_where_to_go_on(world: World) -> None:
    world.agent()
    _, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"abc", False)
    with pytest.raises(OutOfRange) as caught:
        world.core.logs.append(lease, STD_LOG, 4, b"e", False)
    assert (caught.value.reason, caught.value.metadata) == ("LOG_GAP", {"size": "3"})


def test_a_log_ends_when_its_end_is_said(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"abc", False)
    assert not read(world, run)[1].end
    world.core.logs.append(lease, STD_LOG, 3, b"", True)
    assert read(world, run)[1].end
    world.core.logs.append(lease, STD_LOG, 0, b"abc", True)
    with pytest.raises(FailedPrecondition) as caught:
        world.core.logs.append(lease, STD_LOG, 3, b"more", False)
    assert caught.value.reason == "LOG_COMPLETE"


def test_an_end_that_lies_before_what_is_stored_is_none(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"abcdef", False)
    world.core.logs.append(lease, STD_LOG, 0, b"abc", True)
    assert not read(world, run)[1].end


def test_all_logs_are_complete_when_the_run_is_over(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"abc", False)
    world.finish(lease, State.FAILED)
    assert all(log.complete for log in world.core.logs.list("default", run.id))
    assert read(world, run)[1].end


def test_a_log_that_never_was_ends_with_the_run(world: World) -> None:
    world.agent()
    run, lease = world.start()
    before = world.core.logs.read("default", run.id, STD_LOG, 0)
    assert (before.data, before.end) == (b"", False)
    world.finish(lease)
    after = world.core.logs.read("default", run.id, STD_LOG, 0)
    assert (after.data, after.end) == (b"", True)
    with pytest.raises(NotFound) as caught:
        world.core.logs.require(after, STD_LOG)
    assert caught.value.reason == "LOG_NOT_FOUND"


def test_an_offset_behind_the_end_is_refused(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"abc", False)
    with pytest.raises(OutOfRange) as caught:
        world.core.logs.read("default", run.id, STD_LOG, 4)
    assert caught.value.reason == "OFFSET_TOO_LARGE"


def test_both_names_of_the_standard_log_lead_to_the_same_bytes(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, DRIVER_LOG, 0, b"abc", False)
    world.core.logs.append(lease, STD_LOG, 3, b"def", False)
    assert read(world, run, DRIVER_LOG)[0] == read(world, run, STD_LOG)[0] == b"abcdef"
    assert [log.file for log in world.core.logs.list("default", run.id)] == [DRIVER_LOG, STD_LOG]
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT sum(length(data)) FROM log_rows")).scalar_one() == 6


@pytest.mark.parametrize("file", ["", "../x", "/x", "a//b", "a/./b", "a\nb", "x" * 2000, "\U0001f33c" * 600])
def test_names_of_files_are_checked(world: World, file: str) -> None:
    world.agent()
    _, lease = world.start()
    with pytest.raises(InvalidArgument):
        world.core.logs.append(lease, file, 0, b"x", False)


def test_too_much_at_once_is_refused(world: World) -> None:
    world.agent()
    _, lease = world.start()
    with pytest.raises(InvalidArgument):
        world.core.logs.append(lease, STD_LOG, 0, bytes(1024 * 1024 + 1), False)
    with pytest.raises(InvalidArgument):
        world.core.logs.append(lease, STD_LOG, -1, b"x", False)


def test_small_appends_are_gathered_in_few_rows(world: World) -> None:
    world.agent()
    _, lease = world.start()
    for number in range(200):
        world.core.logs.append(lease, STD_LOG, number * 1000, b"x" * 1000, False)
    with world.engine.connect() as connection:
        rows = connection.execute(text("SELECT length(data) FROM log_rows")).scalars().all()
    assert sum(rows) == 200_000
    assert len(rows) <= 200_000 // LOG_ROW_BYTES + 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 90_000), min_size=1, max_size=6), at=st.integers(0, 200_000))
def test_any_offset_reads_the_bytes_that_were_written_there(world: World, sizes: list[int], at: int) -> None:
    world.agent(slots=100)
    run, lease = world.start()
    whole = b""
    for number, size in enumerate(sizes):
        data = bytes([number]) * size
        world.core.logs.append(lease, STD_LOG, len(whole), data, False)
        whole += data
    offset = min(at, len(whole))
    assert world.core.logs.read("default", run.id, STD_LOG, offset).data == whole[offset:]


def test_the_log_of_a_build_is_seen_by_every_run_that_waited_for_it(world: World) -> None:
    first, second = world.submit_preparing(), world.submit_preparing()
    world.core.preparation.append_log(BUILD, 0, b"resolving\n")
    world.core.preparation.append_log(BUILD, 0, b"resolving\nbuilding\n")
    world.core.preparation.append_log(BUILD, 100, b"from nowhere")
    for run in (first, second):
        assert read(world, run, BUILD_LOG)[0] == b"resolving\nbuilding\n"
        assert ("logs", run.key) in world.notified
    assert [log.file for log in world.core.logs.list("default", first.id)] == [BUILD_LOG]
    world.core.preparation.succeeded(BUILD, IMAGE, [])
    assert read(world, first, BUILD_LOG)[1].end


def test_the_end_of_a_build_log_once_said_stays_the_end(world: World) -> None:
    run, goes_on = world.submit_preparing(), world.submit_preparing()
    world.core.preparation.append_log(BUILD, 0, b"abc")
    world.core.cancellation.cancel("default", run.id, "ada")
    world.core.preparation.append_log(BUILD, 3, b"def")
    data, last = read(world, run, BUILD_LOG)
    assert (data, last.end) == (b"abc", True)
    assert read(world, goes_on, BUILD_LOG)[0] == b"abcdef"


def test_no_agent_writes_into_the_log_of_a_build(world: World) -> None:
    world.agent()
    _, lease = world.start()
    with pytest.raises(InvalidArgument):
        world.core.logs.append(lease, BUILD_LOG, 0, b"x", False)


def move_all(world: World) -> dict[str, bytes]:
    """Move what is to be moved; return the blobs by their digests."""
    blobs: dict[str, bytes] = {}
    while (segment := world.core.archive.next()) is not None:
        data = world.core.archive.read(segment)
        assert len(data) == segment.end - segment.begin
        blobs[digest := sha256(data).hexdigest()] = data
        world.core.archive.moved(segment, digest)
    return blobs


def read_back(world: World, run: Run, blobs: dict[str, bytes], offset: int = 0) -> tuple[bytes, bool]:
    """Return what a reader gets from an offset on, and whether it was told the end."""
    found = b""
    while True:
        piece = world.core.logs.read("default", run.id, STD_LOG, offset + len(found))
        if piece.blob is not None:
            whole = blobs[piece.blob.digest][piece.blob.offset :]
            assert len(whole) >= piece.blob.size
            found += whole[: piece.blob.size]
        found += piece.data
        if piece.end or piece.next_offset == piece.offset:
            return found, piece.end


def test_a_large_finished_log_moves_to_the_artifacts_and_reads_the_same(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"a" * 100_000, False)
    world.core.logs.append(lease, "user_logs/small.txt", 0, b"small", False)
    assert world.core.archive.next() is None
    world.finish(lease)
    blobs = move_all(world)
    assert list(blobs.values()) == [b"a" * 100_000]
    for offset in (0, 10_000, 100_000):
        assert read_back(world, run, blobs, offset) == (b"a" * (100_000 - offset), True)
    assert read(world, run, "user_logs/small.txt")[0] == b"small"
    needs = world.core.archive.needs(RunName("default", run.id))
    assert needs.trees == [run.program.snapshot]
    assert needs.blobs == [f"workspaces/default/blobs/{digest}" for digest in blobs]


def small(world: World, cap: int = 1 << 40, segment: int = 200_000) -> World:
    """Let logs move, and be cut off, at sizes that a test can write."""
    world.log_sizes = LogSizes(cap, segment)
    world.reopen()
    return world


def test_a_log_that_grows_moves_but_for_its_end(world: World) -> None:
    """However much a run prints, the database holds no more of it than a segment and what makes the next one whole."""
    small(world).agent()
    run, lease = world.start()
    written, blobs, most = b"", dict[str, bytes](), 0
    for number in range(40):
        data = bytes([number]) * 100_000
        world.core.logs.append(lease, STD_LOG, len(written), data, False)
        written += data
        blobs |= move_all(world)
        with world.engine.connect() as connection:
            most = max(most, connection.execute(text("SELECT sum(length(data)) FROM log_rows")).scalar_one())
    assert blobs
    assert most <= 200_000 + LOG_APPEND_BYTES + 100_000
    assert read_back(world, run, blobs) == (written, False)
    world.finish(lease)
    blobs |= move_all(world)
    assert read_back(world, run, blobs) == (written, True)
    with world.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM log_rows")).scalar_one() == 0


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(1, 400_000), st.booleans()), min_size=3, max_size=14),
    overlap=st.integers(0, 5000),
    at=st.floats(0, 1),
    seed=st.integers(0, 2**32),
)
def test_any_bytes_at_any_offset_read_the_same_whatever_has_moved(
    world: World, steps: list[tuple[int, bool]], overlap: int, at: float, seed: int
) -> None:
    """Bytes that are no UTF-8, sent twice in part, moved or not, before the end and behind it."""
    if world.log_sizes.segment != 150_000:
        small(world, segment=150_000).agent(slots=100)
    run, lease = world.start()
    random, written, blobs = Random(seed), b"", dict[str, bytes]()
    for size, move in steps:
        again = min(overlap, len(written))
        data = written[len(written) - again :] + random.randbytes(size)
        world.core.logs.append(lease, STD_LOG, len(written) - again, data, False)
        written = written[: len(written) - again] + data
        if move:
            blobs |= move_all(world)
        offset = int(at * len(written))
        assert read_back(world, run, blobs, offset) == (written[offset:], False)
    world.finish(lease)
    assert read_back(world, run, blobs, int(at * len(written))) == (written[int(at * len(written)) :], True)
    blobs |= move_all(world)
    assert read_back(world, run, blobs, int(at * len(written))) == (written[int(at * len(written)) :], True)


def test_a_log_is_cut_off_at_its_cap_and_says_how_much_is_missing(world: World) -> None:
    small(world, cap=1000).agent()
    run, lease = world.start()
    append = world.core.logs.append
    assert append(lease, STD_LOG, 0, b"x" * 900, False) == Taken(900)
    assert append(lease, STD_LOG, 900, b"y" * 300, False) == Taken(1200, full=True)
    assert append(lease, STD_LOG, 900, b"y" * 300, False) == Taken(1200, full=True)
    assert append(lease, STD_LOG, 5000, b"", False) == Taken(5000, full=True), "the rest may be passed over"
    assert append(lease, STD_LOG, 5000, b"", True) == Taken(5000, full=True)
    data, last = read(world, run)
    assert data == b"x" * 900 + b"y" * 100 + NOTICE.format(dropped=4000).encode()
    assert last.end
    append(lease, STD_LOG, 5000, b"", True)
    assert read(world, run)[0] == data, "the notice is there once"
    world.finish(lease)
    assert read(world, run)[0] == data


def test_a_log_that_was_cut_off_says_so_though_its_end_was_never_said(world: World) -> None:
    small(world, cap=1000).agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"x" * 1500, False)
    world.finish(lease, State.FAILED)
    data, last = read(world, run)
    assert (data, last.end) == (b"x" * 1000 + NOTICE.format(dropped=500).encode(), True)


def test_a_gap_before_the_cap_is_refused(world: World) -> None:
    small(world, cap=1000).agent()
    _, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"x" * 999, False)
    with pytest.raises(OutOfRange):
        world.core.logs.append(lease, STD_LOG, 1000, b"y", False)


def test_what_is_to_be_archived_is_known_after_a_restart(world: World) -> None:
    world.agent()
    _, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"a" * 100_000, False)
    world.finish(lease)
    world.reopen()
    assert world.core.archive.next() is not None
