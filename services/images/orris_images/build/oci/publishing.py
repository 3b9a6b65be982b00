"""Bring an image into the registry: what it has already is not sent."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Mapping, Sequence

from orris.errors import FailedPrecondition, Unavailable
from orris_images.build.oci import config as documents
from orris_images.build.oci.bases import Base
from orris_images.build.oci.engine import Engine
from orris_images.build.oci.layers import Layer
from orris_images.build.oci.registry import LAYER, MANIFEST, Document, Registry
from orris_images.build.oci.settings import OciSettings
from orris_kit.process import Log

_COMPRESSED = {
    "application/vnd.docker.image.rootfs.diff.tar.gzip": f"{LAYER}+gzip",
    "application/vnd.docker.image.rootfs.diff.tar": LAYER,
}


class Publishing:
    """The registry, and the layers of bases that it has."""

    def __init__(self, settings: OciSettings, engine: Engine, environ: Mapping[str, str]) -> None:
        self.registry = Registry(settings, environ)
        self._settings, self._engine = settings, engine
        self._bases: dict[str, Sequence[Document]] = {}
        self._changing = threading.Lock()

    def find(self, tag: str) -> tuple[str, int] | None:
        """Return the reference of an image and its size in the registry, None where it is not there."""
        found = self.registry.manifest(tag)
        if found is None:
            return None
        digest, manifest = found
        return self._reference(digest), sum(int(each["size"]) for each in manifest.get("layers", ()))

    def base(self, base: Base, log: Log, cancel: threading.Event, *, again: bool = False) -> Sequence[Document]:
        """Return the descriptors of a base's layers, sent by the engine where the registry does not have them."""
        with self._changing:
            if base.id not in self._bases or again:
                self._bases[base.id] = self._sent(base, log, cancel, again)
            return self._bases[base.id]

    def upload(self, layer: Layer, cancelled: Callable[[], None]) -> None:
        """Send a layer unless it is there."""
        with layer.path.open("rb", buffering=0) as file:
            self.registry.put_blob(layer.digest, _Checked(file, cancelled), layer.size)

    def finish(
        self, config: bytes, base: Base, layers: Sequence[Layer], tag: str, log: Log, cancel: threading.Event
    ) -> str:
        """Make an image of layers that are there, under a tag; return its reference."""
        self.registry.put_blob(documents.digest_of(config), io.BytesIO(config), len(config))
        try:
            text = documents.manifest(config, self.base(base, log, cancel), layers)
            return self._reference(self.registry.put_manifest(tag, text, MANIFEST))
        except FailedPrecondition as error:
            if "BLOB_UNKNOWN" not in error.message:
                raise
        log("the registry has lost layers of the base image: they are sent again")
        text = documents.manifest(config, self.base(base, log, cancel, again=True), layers)
        return self._reference(self.registry.put_manifest(tag, text, MANIFEST))

    def _sent(self, base: Base, log: Log, cancel: threading.Event, again: bool) -> Sequence[Document]:
        tag = f"base-{base.id.removeprefix('sha256:')[:32]}"
        found = None if again else self.registry.manifest(tag)
        if found is None:
            log(f"sending the base image {base.name} to the registry, once")
            name = f"{self._settings.host}/{self._settings.repository}"
            self._engine.push(base.id, name, tag, self._settings.credentials_for(self._settings.host), cancel)
            found = self.registry.manifest(tag)
        layers: list[Document] = [] if found is None else found[1].get("layers", [])
        if len(layers) != len(base.diff_ids):
            message = f"the registry does not have the base image {base.name} as it was sent; try again"
            raise Unavailable(message, reason="REGISTRY_UNREACHABLE")
        return [{**each, "mediaType": _COMPRESSED.get(each["mediaType"], each["mediaType"])} for each in layers]

    def _reference(self, digest: str) -> str:
        return f"{self._settings.host}/{self._settings.repository}@{digest}"


class _Checked(io.RawIOBase):
    """A file whose reading ends when nobody wants it any more."""

    def __init__(self, file: io.RawIOBase | io.FileIO, cancelled: Callable[[], None]) -> None:
        self._file, self._cancelled = file, cancelled

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes | None:
        self._cancelled()
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
