"""One trace has all that happened for a run and for a prediction, over all processes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.e2e.conftest import command_line
from tests.e2e.processes import wait_until

SCRIPT = "import os\nprint(os.environ['TRACEPARENT'])\n"


class Receiver:
    """Keeps the spans that are sent to it over OTLP (http/protobuf), with the name of who sent them."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, Span]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                receiver.take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            names = {each.key: each.value.string_value for each in resource.resource.attributes}
            self.spans += [(names["service.name"], span) for scope in resource.scope_spans for span in scope.spans]

    def trace(self, trace_id: str) -> dict[str, tuple[str, Span]]:
        """Return the spans of a trace by name."""
        return {span.name: (who, span) for who, span in self.spans if span.trace_id.hex() == trace_id}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_run_is_one_trace_from_its_submission_to_its_end(
    receiver: Receiver, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
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
            "/orris.runs.v1.AgentService/ReportRun", "/orris.runs.v1.AgentService/AppendRunLog", "keep outputs",
            "/orris.runs.v1.AgentService/FinishRun",
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
