"""Samples of what a run uses reach the server, whatever else stands in their file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from orris.runs.v1 import agents_service_pb2 as agents
from orris_agent import usage
from orris_agent.beneath import Beneath
from orris_agent.exits import Exit
from orris_agent.folder import RunFolder
from orris_agent.outcome import outcome_of
from orris_agent.runtimes.port import Ending
from orris_agent.usage import UsageFile
from tests.unit.agent.test_shipping import StoredReports


def line(at: float, **changed: Any) -> bytes:
    return json.dumps({"time": at, "cpu_seconds": at / 2, "memory_bytes": 10, **changed}).encode() + b"\n"


def file_of(folder: Path) -> UsageFile:
    return UsageFile(Beneath(folder))


async def send(server: StoredReports, file: UsageFile) -> None:
    while samples := file.next(last=True):
        await server.report(agents.ReportRunRequest(samples=samples))


def times(server: StoredReports) -> list[float]:
    return [sample.time.ToMicroseconds() / 1e6 for sample in server.samples]


async def test_complete_lines_are_sent_and_a_second_agent_sends_nothing_new_twice(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "usage.jsonl"
    first = file_of(tmp_path)
    await send(server, first)
    path.write_bytes(line(2.125) + line(4)[:-3])
    await send(server, first)
    assert times(server) == [2.125]
    path.write_bytes(line(2.125) + line(4))
    await send(server, first)
    await send(server, file_of(tmp_path))
    assert times(server) == [2.125, 4]
    assert (server.samples[0].cpu_seconds, server.samples[0].memory_bytes) == (1.0625, 10)


async def test_what_is_no_sample_is_passed_over(tmp_path: Path) -> None:
    wrong = [
        b"\n", b"{}\n", b"[]\n", b"\xff\n", b"[" * 9000 + b"\n", b"x" * 200_000 + b"\n",
        line(1, time="NaN"), line(1, time=-1), line(1, time=time.time() + 9999), line(1, time=1e300),
        line(1, cpu_seconds=float("inf")), line(1, cpu_seconds=None), line(1, memory_bytes=2**63),
        line(1, memory_bytes=-1), line(1, memory_bytes="1e400"),
    ]  # fmt: skip
    server = StoredReports()
    (tmp_path / "usage.jsonl").write_bytes(b"".join([*wrong, line(2)]))
    await send(server, file_of(tmp_path))
    assert times(server) == [2]


async def test_a_file_without_end_ends(tmp_path: Path) -> None:
    server, path = StoredReports(), tmp_path / "usage.jsonl"
    with path.open("wb") as file:
        file.write(line(2))
        file.truncate(1024**4)
    await send(server, file_of(tmp_path))
    assert times(server) == [2]


def test_nobody_looks_before_it_is_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "usage.jsonl").write_bytes(line(2))
    assert file_of(tmp_path).next(last=False) == []
    monkeypatch.setattr(usage, "LOOK_SECONDS", 0.0)
    assert len(file_of(tmp_path).next(last=False)) == 1


def test_the_totals_are_those_of_the_record(tmp_path: Path) -> None:
    ended = Exit(0, None, None, "", 1.0, 2.0, max_rss_bytes=7, cpu_seconds=0.5, max_memory_bytes=9)
    told = outcome_of(Ending(ended), RunFolder(tmp_path)).usage
    assert (told.cpu_seconds, told.max_memory_bytes) == (0.5, 9)
    assert not outcome_of(Ending(None, lost="gone"), RunFolder(tmp_path)).HasField("usage")


def test_without_a_record_the_totals_are_those_of_the_last_look(tmp_path: Path) -> None:
    """Its supervisor vanished, or its container was killed: what it used is not nothing."""
    many = b"".join(line(2 + number / 1000) for number in range(2000))
    (tmp_path / "usage.jsonl").write_bytes(line(1, memory_bytes=9000) + b"{}\n" + many + line(8) + line(9)[:-4])
    told = outcome_of(Ending(None, lost="gone"), RunFolder(tmp_path)).usage
    assert (told.cpu_seconds, told.max_memory_bytes) == (4, 9000)
