"""Compare an ONNX endpoint with the bare server, one row a request: `python tests/bench/inference_v2.py [SECONDS]`."""

from __future__ import annotations

import asyncio
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

PATH = "inference.GRPCInferenceService/ModelInfer"
HERE = Path(__file__).parent
CONNECTIONS = (1, 16)
ROUNDS = 3


def main() -> None:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "3"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "body").write_bytes(_prepare(folder))
        with _started("bare_v2.py", str(folder / "graph.onnx"), "18301"), _started("orris_v2.py", name, "18302"):
            for connections in CONNECTIONS:
                pairs = [
                    [_rate(port, folder / "body", connections, seconds) for port in (18301, 18302)]
                    for _ in range(ROUNDS)
                ]
                bare, orris = (sorted(rates)[ROUNDS // 2] for rates in zip(*pairs, strict=True))
                print(
                    f"{connections:3} connections: bare {bare:.0f}/s, orris {orris:.0f}/s, ratio {orris / bare:.2f}",
                    flush=True,
                )


def _prepare(folder: Path) -> bytes:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from tests.integration.inference.test_endpoints import converted, infer_request

    rows, labels = load_iris(return_X_y=True)
    (folder / "graph.onnx").write_bytes(converted(LogisticRegression(max_iter=1000).fit(rows, labels)))
    message = infer_request(rows[:1]).SerializeToString()
    return struct.pack(">BI", 0, len(message)) + message


@contextmanager
def _started(program: str, *arguments: str) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, str(HERE / program), *arguments])
    try:
        asyncio.run(_answers(int(arguments[-1])))
        yield
    finally:
        process.terminate()
        process.wait()


async def _answers(port: int) -> None:
    import grpc

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        await asyncio.wait_for(channel.channel_ready(), 30)


def _rate(port: int, body: Path, connections: int, seconds: str) -> float:
    command = ["h2load", f"-D{seconds}", "--warm-up-time=1", f"-c{connections}", "-m1", "-d", str(body),
               "-H", "te: trailers",
               "-H", "content-type: application/grpc", f"http://127.0.0.1:{port}/{PATH}"]  # fmt: skip
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"([\d.]+) req/s", output)
    assert found, output
    assert " 0 failed, 0 errored" in output, output
    return float(found[1])


if __name__ == "__main__":
    main()
