"""The services and an agent as processes of their own, as an installation on several machines has them."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

SERVICES = ("artifacts", "images", "runs", "models", "inference")


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Suite:
    """Five services and an agent, each with a home of its own; what they share are keys and addresses.

    Given the URL of a database, the services share that one too. There may be several of `artifacts`, each at an
    address of its own.
    """

    def __init__(
        self, root: Path, database: str = "", *, artifacts: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        self.root = root
        self._database = database
        self._settings = settings or {}
        self.keys = root / "runs"
        self._listens = {noun: deque([f"127.0.0.1:{free_port()}"]) for noun in SERVICES}
        self._listens["artifacts"].extend(f"127.0.0.1:{free_port()}" for _ in range(artifacts - 1))
        self.addresses = {f"ORRIS_{noun.upper()}_ADDRESS": _address(each) for noun, each in self._listens.items()}
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = defaultdict(list)

    def start(self, *nouns: str) -> None:
        """Start services in this order, without waiting for any of them; of one that runs, another process."""
        for noun in nouns:
            with (self.root / f"{noun}.log").open("ab") as log:
                command = [sys.executable, "-m", f"orris_{noun}"]
                process = subprocess.Popen(command, env=self._environment(noun), stdout=log, stderr=log)
            self._processes[noun].append(process)
            if noun in self._listens:
                self._listens[noun].rotate(-1)  # the next one is at the next address

    def kill(self, *nouns: str) -> None:
        """Kill services (SIGKILL): of each the process that was started first."""
        for noun in nouns:
            process = self._processes[noun].pop(0)
            process.kill()
            process.wait()

    def signal(self, noun: str, number: signal.Signals) -> None:
        """Send a signal to a service: to the process that was started first."""
        self._processes[noun][0].send_signal(number)

    def restart(self, *nouns: str) -> None:
        """Kill services and start them again."""
        self.kill(*nouns)
        self.start(*nouns)

    def close(self) -> None:
        """Ask all to end, and see to it."""
        with ExitStack() as stack:
            for process in itertools.chain(*self._processes.values()):
                process.terminate()
                stack.callback(process.wait, 20)

    def log(self, noun: str) -> str:
        """Return what a service has written."""
        return (self.root / f"{noun}.log").read_text(errors="replace")

    def until_up(self, *nouns: str, seconds: float = 60.0) -> None:
        """Wait until services listen; without names, all."""
        end = time.monotonic() + seconds
        for address in itertools.chain(*(self._listens[noun] for noun in nouns or SERVICES)):
            host, port = address.rsplit(":", 1)
            while True:
                try:
                    socket.create_connection((host, int(port)), timeout=1).close()
                except OSError:
                    assert time.monotonic() < end, f"nobody listens at {address}: {self._last_said()}"
                    time.sleep(0.05)
                else:
                    break

    def _last_said(self) -> dict[str, str]:
        return {noun: self.log(noun)[-2000:] for noun in self._processes}

    def _environment(self, noun: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORRIS_")}
        token = "agent.token" if noun == "agent" else "service.token"
        mine = {
            "ORRIS_HOME": str(self.root / noun),
            "ORRIS_PUBLIC_KEY": str(self.keys / "signing.pub"),
            "ORRIS_TOKEN_FILE": str(self.keys / token),
            "ORRIS_AGENT_NAME": "suite",
            f"ORRIS_{noun.upper()}_DATABASE": self._database,
        }
        if noun in self._listens:
            mine[f"ORRIS_{noun.upper()}_LISTEN"] = self._listens[noun][0]
        return {**inherited, **self.addresses, **mine, **self._settings}


def _address(listens: Sequence[str]) -> str:
    """Return where others find a service."""
    return listens[0] if len(listens) == 1 else f"ipv4:{','.join(listens)}"
