"""Logs: addressed by offset, nothing lost, nothing twice, an end that stays the end."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from orris.errors import FailedPrecondition, InvalidArgument, NotFound, OutOfRange
from orris_runs.archive import StoredPart
from orris_runs.limits import LOG_ROW_BYTES
from orris_runs.logs import BUILD_LOG, DRIVER_LOG, Piece
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
    assert append(lease, STD_LOG, 0, b"hello", False) == 5
    assert append(lease, STD_LOG, 0, b"hello", False) == 5
    assert append(lease, STD_LOG, 3, b"lo world", False) == 11
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


def test_a_large_finished_log_moves_to_the_artifacts_and_reads_the_same(world: World) -> None:
    world.agent()
    run, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"a" * 100_000, False)
    world.core.logs.append(lease, "user_logs/small.txt", 0, b"small", False)
    assert world.core.archive.next() is None
    world.finish(lease)
    finished = world.core.archive.next()
    assert finished is not None
    assert world.core.archive.read(finished, 0, 1 << 20) == b"a" * 100_000
    digest = "d" * 64
    world.core.archive.moved(finished, [StoredPart(0, 60_000, digest), StoredPart(60_000, 40_000, "e" * 64)])
    assert world.core.archive.next() is None
    piece = world.core.logs.read("default", run.id, STD_LOG, 10_000)
    assert piece.blob is not None
    assert (piece.blob.digest, piece.blob.offset, piece.blob.size, piece.end) == (digest, 10_000, 50_000, False)
    last = world.core.logs.read("default", run.id, STD_LOG, 60_000)
    assert last.end
    assert world.core.logs.read("default", run.id, STD_LOG, 100_000).end
    assert read(world, run, "user_logs/small.txt")[0] == b"small"
    needs = world.core.archive.needs(finished.run)
    assert needs.trees == [run.program.snapshot]
    assert sorted(needs.blobs) == [f"workspaces/default/blobs/{d * 64}" for d in "de"]


def test_what_is_to_be_archived_is_known_after_a_restart(world: World) -> None:
    world.agent()
    _, lease = world.start()
    world.core.logs.append(lease, STD_LOG, 0, b"a" * 100_000, False)
    world.finish(lease)
    world.reopen()
    assert world.core.archive.next() is not None
