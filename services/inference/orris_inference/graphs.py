"""ONNX graphs: read once, kept as long as something answers with them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from typing import TYPE_CHECKING

from orris_inference.outside.artifacts import Artifacts
from orris_inference.outside.models import ModelVersion
from orris_kit.blocking import run_blocking

if TYPE_CHECKING:
    from orris_inference.backends.onnx import OnnxBackend
    from orris_inference.signature import Signature


class Graphs:
    """Loaded graphs by model version, shared by the endpoints that serve it."""

    def __init__(self, artifacts: Artifacts, threads: int) -> None:
        self._artifacts = artifacts
        self._threads = threads
        self._loaded: weakref.WeakValueDictionary[str, OnnxBackend] = weakref.WeakValueDictionary()
        self._lock = asyncio.Lock()

    async def load(self, version: ModelVersion) -> OnnxBackend:
        """Return the version's graph, ready to answer. Raises FailedPrecondition for what cannot be loaded."""
        assert version.graph is not None
        async with self._lock:  # one at a time: a session is made of several copies of the model
            backend = self._loaded.get(version.name)
            if backend is None:
                content = await self._artifacts.read_graph(*version.graph)
                backend = await run_blocking(load_graph, content, version.signature, self._threads)
                self._loaded[version.name] = backend
            return backend


def load_graph(content: bytes, signature: Signature | None, threads: int) -> OnnxBackend:
    """Load a graph; slow: call it off the loop. Raises FailedPrecondition for what cannot be loaded."""
    # Imported here, apart from the loop: numpy and ONNX Runtime take half a second.
    from orris_inference.backends.onnx import OnnxBackend

    backend = OnnxBackend.load(content, signature, threads=threads)
    # What is imported by now stays: the collector need not look through it while requests make garbage (+15 %).
    gc.collect()
    gc.freeze()
    return backend
