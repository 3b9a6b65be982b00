"""One trace has all that happened for a run and for a prediction, over all processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import command_line
from tests.e2e.processes import wait_until
from tests.servers.collector import Collector

SCRIPT = "import os\nprint(os.environ['TRACEPARENT'])\n"


@pytest.fixture
def receiver() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def test_a_run_is_one_trace_from_its_submission_to_its_end(
    receiver: Collector, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "show.py").write_text(SCRIPT)
    home = tmp_path_factory.mktemp("home")
    orris = command_line(home, tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.address, OTEL_BSP_SCHEDULE_DELAY="100")
    orris("up", "-d")
    try:
        orris("submit", "--environment", "orris-sklearn", "show.py")
        run = json.loads(orris("runs", "list", "--json").stdout)[0]["runId"]
        _, trace_id, parent, flags = orris("runs", "logs", run).stdout.strip().split("-")
        assert int(flags, 16) & 1  # sampled
        wanted = {
            "/orris.runs.v1.RunService/CreateRun", "wait for an agent", "run", "prepare run", "execute run",
            "/orris.runs.v1.AgentService/ReportRun", "keep outputs", "/orris.runs.v1.AgentService/FinishRun",
        }  # fmt: skip
        wait_until(lambda: wanted <= receiver.trace(trace_id).keys())
        found = receiver.trace(trace_id)
        assert found["execute run"][1].span_id.hex() == parent
        assert found["run"][1].parent_span_id == found["/orris.runs.v1.RunService/CreateRun"][1].span_id
        for stage in ("wait for an agent", "prepare run", "execute run"):
            assert found[stage][1].parent_span_id == found["run"][1].span_id
        assert {who for who, _ in found.values()} == {"orris", "orris-agent"}
        logged = [json.loads(line) for line in (home / "orris.log").read_text().splitlines() if "CreateRun" in line]
        assert [line["trace"] for line in logged] == [trace_id]
    finally:
        orris("down")


def test_a_callers_trace_goes_on_with_nobody_to_report_to(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    (tmp_path / "show.py").write_text(SCRIPT)
    parent = f"00-{trace_id}-00f067aa0ba902b7-01"
    orris = command_line(tmp_path_factory.mktemp("home"), tmp_path, TRACEPARENT=parent)
    orris("up", "-d")
    try:
        orris("submit", "--environment", "orris-sklearn", "show.py")
        run = json.loads(orris("runs", "list", "--json").stdout)[0]["runId"]
        assert orris("runs", "logs", run).stdout == f"{parent}\n"
    finally:
        orris("down")
