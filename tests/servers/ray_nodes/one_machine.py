"""What Ray's autoscaler asks for machines: each is a raylet on this one, bound to loopback. Loaded by Ray's monitor."""

from __future__ import annotations

import threading
import time
from typing import Any

import ray.util
from ray.autoscaler._private.fake_multi_node.node_provider import FakeMultiNodeProvider

_REAP_SECONDS = 0.1

ray.util.get_node_ip_address = lambda: "127.0.0.1"


class OneMachine(FakeMultiNodeProvider):
    """Ray's own, whose raylets are reaped when they die: a dead one that nobody waits for seems to live."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        threading.Thread(target=self._reap, daemon=True).start()

    def _reap(self) -> None:
        while True:
            with self.lock:
                nodes = [known["node"] for known in self._nodes.values() if "node" in known]
            for node in nodes:
                for processes in list(node.all_processes.values()):
                    for info in list(processes):
                        info.process.poll()
            time.sleep(_REAP_SECONDS)
