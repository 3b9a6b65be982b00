"""Ask a Ray cluster for agents: `PYTHON cluster_side/__main__.py ADDRESS`, run by the interpreter that has Ray.

Standard input has one request a line, {"method": "start", "params": {...}}. Standard output has one answer each,
{"result": ...} or {"error": "..."}, and before them one of the connection itself. It ends when standard input does.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

sys.path.insert(0, str(Path(__file__).parent))


def main() -> None:
    answers = _take_stdout()
    requests: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    try:
        cluster = _connect(sys.argv[1])
    except Exception as error:
        _answer(answers, {"error": _text(error)})
        sys.exit(1)
    _answer(answers, {"result": "connected"})
    while True:
        request = json.loads(requests.get())
        _answer(answers, _do(cluster, request))


def _connect(address: str) -> Any:
    from cluster import Cluster  # type: ignore[import-not-found]

    return Cluster(address)


def _do(cluster: Any, request: dict[str, Any]) -> dict[str, Any]:
    methods: dict[str, Callable[..., Any]] = {
        "start": cluster.start,
        "stop": cluster.stop,
        "stop_all": cluster.stop_all,
        "nodes": cluster.nodes,
        "versions": cluster.versions,
    }
    try:
        return {"result": methods[request["method"]](**request["params"])}
    except Exception as error:
        return {"error": _text(error)}


def _take_stdout() -> TextIO:
    """Keep standard output for answers: whatever else Ray prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers


def _read(requests: queue.SimpleQueue[str]) -> None:
    """Read as long as somebody asks. Whoever is gone waits for nothing that is under way."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _answer(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _text(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name == "ray":
        return (
            f"{sys.executable} does not have it: install orris-runs[ray] there, or let ORRIS_RUNS_RAY_PYTHON name the "
            "interpreter that has it"
        )
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
