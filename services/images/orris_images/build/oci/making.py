"""Make one image of a staged environment: its layers are compiled, packed, sent and loaded side by side."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from orris.errors import Cancelled
from orris_images.build.oci import config as documents
from orris_images.build.oci.bases import Base
from orris_images.build.oci.compiling import compile_sources
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.layer_cache import LayerCache
from orris_images.build.oci.layers import Layer, write_layer
from orris_images.build.oci.loading import Loading
from orris_images.build.oci.publishing import Publishing
from orris_images.build.oci.split import Part, split
from orris_images.build.oci.staging import Staging
from orris_images.build.port import Made, Progress
from orris_images.lock import Lock
from orris_kit.process import Log

# Part of what tells layers and images apart: raised where the same lock becomes other bytes.
FORMAT = "2"
# Images have this name in the engine where there is no registry.
NAME = "orris/environments"
MAKERS = 2
COMPILERS = 2
SENDERS = 3
MADE_PERCENT = 40


class Making:
    """The making of one image; what is at work ends with the block."""

    def __init__(
        self, engine: Engine, publishing: Publishing | None, cache: LayerCache, base: Base, log: Log,
        progress: Progress, cancel: threading.Event | None,
    ) -> None:  # fmt: skip
        self._engine, self._publishing, self._cache, self._base = (engine, publishing, cache, base)
        self._log, self._progress, self._cancel = log, progress, cancel
        self.stop = _Stop(cancel)
        self._stack = ExitStack()
        # First come, first served: the layer at the bottom is ready as early as can be, for the engine takes it first.
        self._compilers = ThreadPoolExecutor(COMPILERS, thread_name_prefix="compile")
        self._makers = ThreadPoolExecutor(MAKERS, thread_name_prefix="layer")
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="push")
        self._sent: list[Future[object]] = []

    def __enter__(self) -> Self:
        if self._publishing is not None:
            self._sent.append(self._senders.submit(self._publishing.base, self._base, self._log, self.stop))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.set()
        for pool in (self._compilers, self._makers, self._senders):
            pool.shutdown(wait=True, cancel_futures=True)
        self._stack.close()

    def image(self, staging: Staging, python: Path | None, lock: Lock, tag: str) -> Made:
        """Make the image; return its reference and its size."""
        parts = split(staging.environment)
        minor = "".join((lock.python_version or self._base.version).split(".")[:2])
        made = [self._makers.submit(self._layer, part, staging, python, f"cpython-{minor}") for part in parts]
        loading = Loading(self._engine, self._base, self.stop.check)
        layers: list[Layer] = []
        for part, future in zip(parts, made, strict=True):
            layers.append(future.result())
            percent = MADE_PERCENT + 50 * len(layers) // len(parts)
            self._progress(percent, f"{part.name}, {len(layers)} of {len(parts)} layers", pushing=True)
            if future is not made[-1]:
                loading.add(part.name, layers[-1])
        names, told = [part.name for part in parts], documents.labels(lock, self._base)
        config = documents.image_config(self._base, [layer.digest for layer in layers], names, told)
        image = loading.finish(config, layers[-1], f"{NAME}:{tag}")
        size = self._base.size + sum(layer.size for layer in layers)
        return Made(self._published(config, layers, tag) or image, size)

    def _published(self, config: bytes, layers: list[Layer], tag: str) -> str:
        if self._publishing is None:
            return ""
        for each in self._sent:
            each.result()
        return self._publishing.finish(config, self._base, layers, tag, self._log, self.stop)

    def _layer(self, part: Part, staging: Staging, python: Path | None, tag: str) -> Layer:
        key = f"{part.key}-{FORMAT}-{tag if python else 'none'}"

        def make(path: Path) -> Layer:
            if python is not None:
                self._compile(part, staging, python)
            return write_layer(path, staging.environment, part.files, tag, self.stop.check)

        layer = self._stack.enter_context(self._cache.layer(key, make))
        if self._publishing is not None:
            self._sent.append(self._senders.submit(self._publishing.upload, layer, self.stop.check))
        return layer

    def _compile(self, part: Part, staging: Staging, python: Path) -> None:
        """Compile the sources of a part, always in as many parts: bytecode depends on what is compiled before it."""
        place, environ, left, stop = documents.ENVIRONMENT, staging.environ, staging.left, self.stop
        shares = [part.files[first::COMPILERS] for first in range(COMPILERS)]
        begun = [
            self._compilers.submit(compile_sources, python, staging.environment, place, share, environ, left, stop)
            for share in shares
        ]
        for each in begun:
            each.result()


class _Stop(threading.Event):
    """Set when the image is no longer wanted, or one of those who make it has failed."""

    def __init__(self, cancel: threading.Event | None) -> None:
        super().__init__()
        self._cancel = cancel

    def is_set(self) -> bool:
        return super().is_set() or (self._cancel is not None and self._cancel.is_set())

    def check(self) -> None:
        """Raise Cancelled when it is set."""
        if self.is_set():
            raise Cancelled("the build was canceled")
