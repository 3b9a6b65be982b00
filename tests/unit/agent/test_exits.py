"""exit.json may have been written by anybody: what is no record counts as none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orris_agent.beneath import Beneath
from orris_agent.exits import Exit, read_exit

RECORD: dict[str, Any] = {
    "exit_code": 0,
    "signal": None,
    "reason": None,
    "message": "",
    "start_time": 1.0,
    "end_time": 2.0,
    "max_rss_bytes": 3,
    "cpu_seconds": 0.5,
}


def written(folder: Path, content: str | bytes) -> Exit | None:
    (folder / "exit.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_exit(Beneath(folder))


def test_a_record_is_read(tmp_path: Path) -> None:
    assert written(tmp_path, json.dumps(RECORD)) == Exit(0, None, None, "", 1.0, 2.0, 3, 0.5)
    assert written(tmp_path, json.dumps({**RECORD, "out_of_memory": True})) == Exit(
        0, None, None, "", 1.0, 2.0, 3, 0.5, out_of_memory=True
    )


def test_a_run_may_have_used_all_the_memory_of_a_large_machine(tmp_path: Path) -> None:
    recorded = written(tmp_path, json.dumps({**RECORD, "max_rss_bytes": 2**42, "max_memory_bytes": 2**43}))
    assert recorded is not None
    assert (recorded.max_rss_bytes, recorded.max_memory_bytes) == (2**42, 2**43)


@pytest.mark.parametrize(
    "change",
    [
        {"max_rss_bytes": 2**63},
        {"max_memory_bytes": -1},
        {"exit_code": "0"},
        {"exit_code": 256},
        {"exit_code": True},
        {"signal": -1},
        {"reason": "well done"},
        {"reason": []},
        {"end_time": 1e300},
        {"end_time": -1},
        {"end_time": None},
        {"start_time": "NaN"},
        {"max_rss_bytes": float("inf")},
        {"cpu_seconds": {}},
    ],
)
def test_what_no_supervisor_writes_is_no_record(tmp_path: Path, change: dict[str, Any]) -> None:
    assert written(tmp_path, json.dumps({**RECORD, **change})) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", "[" * 60_000, "\xff", b"\xff\xfe", "{" + " " * 70_000])
def test_what_is_no_json_object_is_no_record(tmp_path: Path, content: str | bytes) -> None:
    assert written(tmp_path, content) is None


def test_a_huge_record_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "exit.json").open("wb") as file:
        file.write(json.dumps(RECORD).encode())
        file.truncate(1 << 40)
    assert read_exit(Beneath(tmp_path)) is None


def test_a_record_that_is_no_file_is_none(tmp_path: Path) -> None:
    assert read_exit(Beneath(tmp_path)) is None
    (tmp_path / "run").mkdir()
    os.mkfifo(tmp_path / "run" / "exit.json")
    assert read_exit(Beneath(tmp_path / "run")) is None


def test_a_message_is_always_text_that_can_be_sent(tmp_path: Path) -> None:
    found = written(tmp_path, json.dumps({**RECORD, "message": "\ud800" + "x" * 9000}))
    assert found is not None
    assert found.message.encode()
    assert len(found.message) <= 4000
