"""An ONNX endpoint against the bare server, one row a request: requests a second and latency, measured by h2load."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.bench.programs import output
from tests.bench.rows import Row, measured, skipped

PATH = "inference.GRPCInferenceService/ModelInfer"
HERE = Path(__file__).parent
CONNECTIONS = (1, 16)
ROUNDS = 5
SECONDS = 2
GOAL = ">= 0.85"


class Load(NamedTuple):
    """What one run of h2load found: requests a second, and the median latency in milliseconds."""

    rate: float
    latency: float


def rows() -> Iterator[Row]:
    if shutil.which("h2load") is None:
        for connections in CONNECTIONS:
            yield skipped(_title(connections), "1/s", GOAL, "h2load is not installed (nghttp2-client)")
        return
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "body").write_bytes(_prepare(folder))
        orris = stack.enter_context(_started("orris_v2.py", name))
        bare = stack.enter_context(_started("bare_v2.py", str(folder / "graph.onnx")))
        for port in (orris, bare):
            asyncio.run(_check(port, folder))
        for connections in CONNECTIONS:
            pairs = [[_load(port, folder, connections) for port in (orris, bare)] for _ in range(ROUNDS)]
            ours, reference = zip(*pairs, strict=True)
            rates = [each.rate for each in ours], [each.rate for each in reference]
            latencies = [each.latency for each in ours], [each.latency for each in reference]
            yield measured(_title(connections), "1/s", *rates, goal=GOAL)
            yield measured(f"{_title(connections)}, median latency", "ms", *latencies)


def _title(connections: int) -> str:
    return f"V2, one row, {connections} connection{'s' if connections > 1 else ''} / bare server"


def _prepare(folder: Path) -> bytes:
    """Write a graph; return a request for it as it travels."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from tests.integration.inference.test_endpoints import converted, infer_request

    features, species = load_iris(return_X_y=True)
    (folder / "graph.onnx").write_bytes(converted(LogisticRegression(max_iter=1000).fit(features, species)))
    message = infer_request(features[:1]).SerializeToString()
    return struct.pack(">BI", 0, len(message)) + message


@contextmanager
def _started(program: str, argument: str) -> Iterator[int]:
    """Run a server while the context lasts; give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(HERE / program), argument, str(port)])
    try:
        asyncio.run(_answers(port))
        yield port
    finally:
        process.terminate()
        process.wait()


async def _answers(port: int) -> None:
    import grpc

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)


async def _check(port: int, folder: Path) -> None:
    """Raise unless the request is answered: h2load takes every HTTP 200 for an answer, errors of gRPC too."""
    import grpc

    message = (folder / "body").read_bytes()[5:]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.unary_unary(f"/{PATH}")
        assert await call(message, metadata=(("authorization", _authorization(folder)),), timeout=30)


def _authorization(folder: Path) -> str:
    return f"Bearer {(folder / 'key').read_text()}"


def _load(port: int, folder: Path, connections: int) -> Load:
    log = folder / "requests.log"
    log.unlink(missing_ok=True)
    command = ["h2load", f"-D{SECONDS}", "--warm-up-time=1", f"-c{connections}", "-m1", "-d", str(folder / "body"),
               f"--log-file={log}", "-H", "te: trailers", "-H", f"authorization: {_authorization(folder)}",
               "-H", "content-type: application/grpc", f"http://127.0.0.1:{port}/{PATH}"]  # fmt: skip
    said = output(command)
    found = re.search(r"([\d.]+) req/s", said)
    assert found, said
    assert " 0 failed, 0 errored" in said, said
    # A line a request: its start, the HTTP status, microseconds.
    latencies = [int(line.split("\t")[2]) for line in log.read_text().splitlines()]
    return Load(float(found[1]), median(latencies) / 1000)
