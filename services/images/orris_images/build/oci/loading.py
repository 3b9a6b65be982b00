"""Bring layers into the engine one after the other, while those above are still being made.

Each step is an image of one layer more, the parent of the next. The engine has those of another image that begins
with the same layers; it need not get them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orris.errors import FailedPrecondition, NotFound, Unavailable
from orris_images.build.oci.bases import Base
from orris_images.build.oci.config import Step, archive, image_config
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.layers import Layer


class LayersGone(Unavailable):
    """The engine has lost layers that it had a moment ago, as when somebody removes images."""


class Loading:
    """The layers of one image on their way into the engine."""

    def __init__(self, engine: Engine, base: Base, cancelled: Callable[[], None]) -> None:
        self._engine, self._base, self._cancelled = engine, base, cancelled
        self._digests: list[str] = []
        self._names: list[str] = []
        self._parent: Step | None = None

    def add(self, name: str, layer: Layer) -> None:
        """Add the next layer, which is not the last."""
        self._digests.append(layer.digest)
        self._names.append(name)
        step = self._step(image_config(self._base, self._digests, self._names, {}))
        if not self._engine.has(step.id):
            self._load(step, layer)
        self._parent = step

    def finish(self, config: bytes, layer: Layer, tag: str) -> str:
        """Make the image itself, with its last layer and a name; return its id."""
        self._digests.append(layer.digest)
        step = self._step(config)
        self._load(step, layer, (tag,))
        return step.id

    def _step(self, config: bytes) -> Step:
        return Step(config, len(self._base.diff_ids) + len(self._digests))

    def _load(self, step: Step, top: Layer, tags: Sequence[str] = ()) -> None:
        try:
            self._engine.load(self._checked(archive(step, self._parent, top, tags)))
        except (FailedPrecondition, NotFound) as error:
            if not any(each in error.message for each in ("no such file", "does not exist")):
                raise
            raise LayersGone("the engine has lost layers of the image", reason="ENGINE_UNREACHABLE") from error

    def _checked(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        for block in blocks:
            self._cancelled()
            yield block
