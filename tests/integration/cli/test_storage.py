"""`orris storage` and `orris gc` against a fake Orris."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from orris.cli.main import app
from orris.errors import Conflict, InvalidArgument
from orris.sdk.storage import Storage
from tests.fakes.services.server import FakeOrris

Invoke = Callable[..., Any]


@pytest.fixture
def orris(server: FakeOrris) -> Invoke:
    server.artifacts.keep("lab", {"a.csv": b"a" * 3000, "b.csv": b"a" * 3000, "c.csv": b"c" * 1000})
    return lambda *arguments, **more: CliRunner().invoke(app, [*arguments], **more)


def test_each_workspace_has_a_line(orris: Invoke, server: FakeOrris) -> None:
    server.workspaces.names.append("other")
    first, *lines = orris("storage").stdout.splitlines()
    assert first.split() == ["WORKSPACE", "TREES", "FILES", "SIZE", "KEPT", "RATIO", "COLLECTED"]
    assert [line.split()[0] for line in lines] == ["lab", "other"]
    assert lines[0].split()[1:] == ["1", "3", "7.0", "kB", "4.0", "kB", "1.8x", "never"]


def test_large_numbers_fit_80_columns(orris: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    large = Storage(
        trees=123_456,
        files=12_345_678,
        file_bytes=987 * 10**12,
        blobs=10**6,
        blob_bytes=123 * 10**12,
        damaged_blobs=0,
        owners=123_456,
        collected=datetime.now(UTC) - timedelta(hours=5),
    )
    monkeypatch.setattr("orris.sdk.storage.storage_of", lambda workspace: large)
    monkeypatch.setenv("COLUMNS", "80")
    lines = orris("storage").stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("  5 h ago")


def test_damage_is_told_of_without_being_asked_for(orris: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = Storage(1, 1, 10, 1, 10, damaged_blobs=3, owners=1, collected=None)
    assert orris("storage").stderr == ""
    monkeypatch.setattr("orris.sdk.storage.storage_of", lambda workspace: damaged)
    assert orris("storage").stderr == "lab: damaged blobs: 3, to be uploaded again\n"


def test_one_workspace_is_told_of_in_full(orris: Invoke) -> None:
    lines = orris("storage", "-w", "lab").stdout.splitlines()
    assert [" ".join(line.split()) for line in lines] == [
        "workspace lab",
        "files 3 in 1 trees, 7.0 kB",
        "kept 4.0 kB in 2 blobs",
        "ratio 1.8x",
        "owners 0",
        "collected never",
    ]


def test_storage_as_json_has_bytes(orris: Invoke) -> None:
    (found,) = json.loads(orris("storage", "--json").stdout)
    assert (found["workspace"], found["file_bytes"], found["blob_bytes"], found["ratio"]) == ("lab", 7000, 4000, 1.75)


def test_a_dry_run_changes_nothing(orris: Invoke, server: FakeOrris) -> None:
    result = orris("gc", "--dry-run")
    assert (result.exit_code, result.stdout) == (0, "lab: 1 tree and 2 blobs of 4.0 kB would be collected\n")
    assert len(server.artifacts.blobs) == 2


def test_what_was_freed_is_told(orris: Invoke, server: FakeOrris) -> None:
    assert orris("gc").stdout == "lab: 1 tree and 2 blobs of 4.0 kB collected, 4.0 kB freed\n"
    assert server.artifacts.blobs == {}
    assert orris("gc", "-w", "lab").stdout == "lab: nothing to collect\n"
    assert json.loads(orris("gc", "--json").stdout)[0]["blobs"] == 0


@pytest.mark.parametrize(
    ("text", "seconds"), [("24h", 86_400), ("90m", 5400), ("1.5d", 129_600), ("600 s", 600), ("2w", 1_209_600)]
)
def test_the_grace_is_a_length_of_time(orris: Invoke, server: FakeOrris, text: str, seconds: int) -> None:
    assert orris("gc", "--grace", text).exit_code == 0
    (call,) = server.called("CollectGarbage")
    assert call.request.grace.seconds == seconds


@pytest.mark.parametrize("text", ["", "soon", "24", "-1h", "1y", "9999999999h", "999999999w"])
def test_what_is_no_length_of_time_is_refused(orris: Invoke, server: FakeOrris, text: str) -> None:
    result = orris("gc", "--grace", text)
    assert result.exit_code == 2
    assert "90m, 24h or 7d" in result.stderr
    assert server.called("CollectGarbage") == []


def test_without_a_grace_it_is_the_services(orris: Invoke, server: FakeOrris) -> None:
    orris("gc")
    (call,) = server.called("CollectGarbage")
    assert not call.request.HasField("grace")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Conflict("garbage is being collected by somebody else", reason="COLLECTING_ALREADY"), 1),
        (InvalidArgument("grace: too short", field="grace", reason="GRACE_TOO_SHORT"), 2),
    ],
)
def test_what_the_service_refuses_is_told(orris: Invoke, server: FakeOrris, error: Any, code: int) -> None:
    server.fail_next("CollectGarbage", error)
    result = orris("gc")
    assert (result.exit_code, result.stderr) == (code, f"orris: {error.message}\n")


def test_a_service_that_stops_in_between_is_told_of(orris: Invoke, server: FakeOrris) -> None:
    server.cut_next("CollectGarbage", after=1)
    result = orris("gc")
    assert (result.exit_code, result.stdout) == (5, "")
    assert "stopped" in result.stderr
