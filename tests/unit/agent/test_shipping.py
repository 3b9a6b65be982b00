"""Logs by offset and events by sequence: nothing lost, nothing twice, whoever starts again."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2
from orris_agent.beneath import Beneath
from orris_agent.folder import RunFolder
from orris_agent.giving_back import give_back
from orris_agent.log_source import GrowingFile
from orris_agent.shipping import STD_LOG, Journal, LogFile, Shipping


class StoredReports:
    """Stands in for the server: stores what comes as the contract says."""

    def __init__(self) -> None:
        self.logs: dict[str, bytes] = {}
        self.ended: set[str] = set()
        self.complete: set[str] = set()
        self.states: list[int] = []
        self.ends: dict[str, int] = {}
        self.received: list[agents.RunEvent] = []
        self.samples: list[runs_pb2.UsageSample] = []
        self.full: set[str] = set()
        self.cap = 1 << 40
        self.sent = 0

    async def report(self, request: agents.ReportRunRequest) -> agents.ReportRunResponse:
        assert request.first_sequence <= len(self.received), "a gap"
        self.received += list(request.events)[len(self.received) - request.first_sequence :]
        last = self.samples[-1].time.ToMicroseconds() if self.samples else 0
        self.samples += [sample for sample in request.samples if sample.time.ToMicroseconds() > last]
        if request.state:
            self.states.append(request.state)
        taken = [self._taken(each.file, each.offset, each.data, each.end) for each in request.logs]
        return agents.ReportRunResponse(logs=taken, next_sequence=len(self.received))

    async def finish(self, outcome: agents.FinishRunRequest) -> None:
        """Store what comes along with the end."""
        await self.report(
            agents.ReportRunRequest(logs=outcome.logs, first_sequence=outcome.first_sequence, events=outcome.events)
        )

    async def log(self, file: str, offset: int, data: bytes, end: bool = False) -> int:
        return self._taken(file, offset, data, end).size

    def _taken(self, file: str, offset: int, data: bytes, end: bool) -> agents.ReportRunResponse.Taken:
        stored = self.logs.get(file, b"")
        self.sent += len(data)
        if len(stored) + len(data) > self.cap:
            self.full.add(file)
        if end:
            self.ended.add(file)
        if file in self.full:
            self.ends[file] = offset + len(data)
            return agents.ReportRunResponse.Taken(size=offset + len(data), full=True)
        assert offset <= len(stored), "a gap"
        assert file not in self.complete or not data, "bytes behind the end"
        self.logs[file] = stored + data[len(stored) - offset :]
        if end:
            self.complete.add(file)
        return agents.ReportRunResponse.Taken(size=len(self.logs[file]))


def metric(name: str) -> bytes:
    return json.dumps({"event": "metric", "name": name, "type": "scalar", "value": 1, "time": 1}).encode() + b"\n"


async def send(server: StoredReports, file: LogFile, last: bool = False) -> None:
    while (piece := file.next(100_000, last)) is not None:
        heard = await server.report(agents.ReportRunRequest(logs=[piece]))
        await file.taken(piece, heard.logs[0])


async def drain(server: StoredReports, journal: Journal, last: bool = False) -> None:
    first, events = journal.next(last)
    while events or journal.expected is None:
        heard = await server.report(agents.ReportRunRequest(first_sequence=first, events=events))
        journal.expected = heard.next_sequence
        first, events = journal.next(last)


async def test_a_log_goes_on_where_the_servers_copy_ends(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "log"
    path.write_bytes(b"one\n")
    await send(server, LogFile("l", GrowingFile(Beneath(tmp_path), "log")))
    path.write_bytes(b"one\ntwo\n")
    await send(server, LogFile("l", GrowingFile(Beneath(tmp_path), "log")), last=True)
    assert server.logs == {"l": b"one\ntwo\n"}
    assert server.ended == {"l"}


async def test_a_log_larger_than_a_message_arrives_whole(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "log"
    content = bytes(range(256)) * 10_000
    path.write_bytes(content)
    await send(server, LogFile("l", GrowingFile(Beneath(tmp_path), "log")), last=True)
    assert server.logs["l"] == content


async def test_a_journal_sends_complete_lines_only_until_the_end(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "journal.jsonl"
    path.write_bytes(metric("a") + metric("b")[:-5])
    shipper = Journal(Beneath(tmp_path))
    await drain(server, shipper)
    assert [event.metric.metric for event in server.received] == ["a"]
    await drain(server, shipper, last=True)
    assert server.received[1].WhichOneof("event") == "unreadable"


async def test_a_second_agent_sends_no_event_twice(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "journal.jsonl"
    path.write_bytes(metric("a") + metric("b"))
    await drain(server, Journal(Beneath(tmp_path)))
    path.write_bytes(metric("a") + metric("b") + metric("c"))
    await drain(server, Journal(Beneath(tmp_path)))
    assert [event.metric.metric for event in server.received] == ["a", "b", "c"]


async def test_more_events_than_fit_a_message_keep_their_order(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "journal.jsonl"
    names = [f"m{number}" for number in range(30_000)]
    path.write_bytes(b"".join(map(metric, names)))
    await drain(server, Journal(Beneath(tmp_path)))
    assert [event.metric.metric for event in server.received] == names


async def test_an_endless_line_does_not_stop_what_follows(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "journal.jsonl"
    path.write_bytes(b"x" * 3_000_000 + b"\n" + metric("a"))
    await drain(server, Journal(Beneath(tmp_path)))
    assert server.received[-1].metric.metric == "a"
    assert {event.WhichOneof("event") for event in server.received[:-1]} == {"unreadable"}


async def test_all_that_a_run_wrote_is_sent_when_it_has_ended(tmp_path: Path) -> None:
    server, folder, ended = StoredReports(), RunFolder(tmp_path), asyncio.Event()
    shipping = Shipping(server, folder)  # type: ignore[arg-type]
    sending = asyncio.ensure_future(shipping.until(ended))
    await asyncio.sleep(0)
    folder.std_log.write_bytes(b"hello\n")
    folder.journal.write_bytes(metric("a"))
    (folder.work / "logs").mkdir(parents=True)
    (folder.work / "logs" / "late.log").write_bytes(b"late\n")
    ended.set()
    await sending
    await shipping.finalize(shipping.last())
    assert server.states == [runs_pb2.Run.STATE_FINALIZING]
    assert server.logs == {STD_LOG: b"hello\n", "logs/late.log": b"late\n"}
    assert server.ended == {STD_LOG, "logs/late.log"}
    assert [event.metric.metric for event in server.received] == ["a"]


async def test_a_log_whose_name_no_server_takes_does_not_stop_the_others(tmp_path: Path) -> None:
    server, folder, ended = StoredReports(), RunFolder(tmp_path), asyncio.Event()
    (folder.work / "logs").mkdir(parents=True)
    for name in ("two\nlines.log", os.fsdecode(b"latin\xff.log"), "fine.log"):
        (folder.work / "logs" / name).write_bytes(b"line\n")
    ended.set()
    shipping = Shipping(server, folder)  # type: ignore[arg-type]
    await shipping.until(ended)
    await shipping.finalize(shipping.last())
    assert server.ended == {STD_LOG, "logs/fine.log"}


@pytest.mark.parametrize(
    ("log", "events", "fits"),
    [(b"hello", 3, True), (b"", 0, True), (b"x" * 600_000, 0, False), (b"", 1_500, False)],
    ids=["little", "nothing", "large log", "many events"],
)
async def test_the_last_report_says_whether_it_is_all(tmp_path: Path, log: bytes, events: int, fits: bool) -> None:
    """Then the end of the run may take it along; else it is the first of several, which lose nothing."""
    server, folder, ended = StoredReports(), RunFolder(tmp_path), asyncio.Event()
    shipping = Shipping(server, folder, begun=False)  # type: ignore[arg-type]
    folder.std_log.write_bytes(log)
    folder.journal.write_bytes(b"".join(metric(str(number)) for number in range(events)))
    ended.set()
    await shipping.until(ended)
    last = shipping.last()
    assert last.is_all == fits
    await shipping.finalize(last)
    assert server.logs == {STD_LOG: log}
    assert server.ended == {STD_LOG}
    assert [event.metric.metric for event in server.received] == [str(number) for number in range(events)]


async def test_of_a_run_that_another_agent_process_began_it_is_not_known_what_is_last(tmp_path: Path) -> None:
    shipping = Shipping(StoredReports(), RunFolder(tmp_path), begun=True)  # type: ignore[arg-type]
    assert not shipping.last().is_all


async def test_the_disk_gets_back_what_is_stored_but_for_the_last_bytes(tmp_path: Path) -> None:
    """A run that prints for weeks does not fill its machine; what explains its end stays."""
    server, path, folder = StoredReports(), tmp_path / "log", Beneath(tmp_path)
    content = os.urandom(1 << 20) * 20
    path.write_bytes(content)
    os.sync()
    if not give_back_works(tmp_path):
        pytest.skip("the file system of the temporary folder has no holes")

    def free(end: int) -> None:
        give_back(folder, "log", end, os.geteuid())

    await send(server, LogFile("l", GrowingFile(folder, "log"), free=free), last=True)
    assert server.logs["l"] == content
    assert path.stat().st_size == len(content)
    assert path.stat().st_blocks * 512 < len(content) / 2
    assert path.read_bytes()[-(1 << 20) :] == content[-(1 << 20) :]


def give_back_works(folder: Path) -> bool:
    (folder / "probe").write_bytes(bytes(1 << 16))
    return give_back(Beneath(folder), "probe", 1 << 12, os.geteuid())


def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 100_000)
    assert not give_back(Beneath(tmp_path), "log", 50_000, os.geteuid() + 1)
    assert (tmp_path / "log").read_bytes() == b"x" * 100_000


async def test_of_a_log_that_is_full_only_the_end_is_told(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "log"
    server.cap = 1_000_000
    path.write_bytes(b"x" * 50_000_000)
    await send(server, LogFile("l", GrowingFile(Beneath(tmp_path), "log")), last=True)
    assert server.ends == {"l": 50_000_000}
    assert server.ended == {"l"}
    assert server.sent < 3_000_000
