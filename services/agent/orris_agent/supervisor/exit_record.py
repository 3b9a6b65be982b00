"""exit.json: how the run ended."""

import json
import os

from orris_agent.supervisor.files import write_file
from orris_agent.supervisor.system import LINUX, signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orris_agent.supervisor.run import Run


def record(run: "Run", reason: "str | None", message: str) -> None:
    """Write exit.json, with the room that was reserved for it."""
    children, code, number = run.children, None, None
    if children.status is not None:
        number = os.WTERMSIG(children.status) if os.WIFSIGNALED(children.status) else None
        code = os.WEXITSTATUS(children.status) if number is None else None
    if number == signal.SIGKILL and not (reason or message):
        message = "ended by SIGKILL from outside: the machine may have run out of memory"
    largest = children.largest * (1024 if LINUX else 1)
    result = {
        "exit_code": code,
        "signal": number,
        "reason": reason,
        "message": message[:4000],
        "start_time": run.start_time,
        "end_time": children.end_time or run.start_time,
        "max_rss_bytes": largest,
        "max_memory_bytes": max(largest, run.usage.most_bytes if run.usage else 0),
        "cpu_seconds": children.seconds,
    }
    if run.contained:
        from orris_agent.supervisor.memory import memory_was_used_up

        result["out_of_memory"] = memory_was_used_up()
    # Not synchronized: once the machine has been started again, nobody believes it (see supervisor.json's `boot`).
    write_file(run.folder, "exit.json", json.dumps(result).encode() + b"\n")
