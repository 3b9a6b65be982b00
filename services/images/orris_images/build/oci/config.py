"""What is written about an image: its configuration, its manifest, and the archive that an engine loads."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orris_images.build.oci.bases import Base
from orris_images.build.oci.layers import PREFIX, Layer
from orris_images.build.oci.registry import CONFIG, LAYER, MANIFEST, Document
from orris_images.lock import Lock

USER = "10001:10001"
ENVIRONMENT = f"/{PREFIX}"
# The same image has the same bytes whenever and wherever it is made.
_CREATED = "1980-01-01T00:00:00Z"
_BLOCK = 1024 * 1024
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def digest_of(content: bytes) -> str:
    """Return the digest of a document."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def labels(lock: Lock, base: Base) -> dict[str, str]:
    """Return what an image says about itself: the same for the same image, so neither when nor where it was made.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    versions = dict(lock.packages)
    told = {
        "org.opencontainers.image.title": f"Orris environment {lock.image_id}",
        "org.opencontainers.image.version": lock.image_id,
        "org.opencontainers.image.revision": lock.digest,
        "org.opencontainers.image.base.name": base.name,
        "org.opencontainers.image.base.digest": base.digest,
        "io.orris.image": lock.image_id,
        "io.orris.lock": lock.digest,
        "io.orris.specification": lock.specification,
        "io.orris.python": lock.python_version or base.version,
        "io.orris.scikit-learn": versions.get("scikit-learn", ""),
    }
    return {name: value for name, value in told.items() if value}


def image_config(base: Base, layers: Sequence[str], names: Sequence[str], told: dict[str, str]) -> bytes:
    """Return the configuration of an image: `layers` are the digests of those on the base, `names` what is in them."""
    variables = dict(each.partition("=")[::2] for each in base.environment)
    variables["PATH"] = f"{ENVIRONMENT}/bin:{variables.get('PATH') or _PATH}"
    history = [{"created": _CREATED, "created_by": f"base image {base.name}"} for _ in base.diff_ids]
    history += [{"created": _CREATED, "created_by": f"orris: {name}"} for name in names]
    return _text(
        {
            "architecture": base.architecture,
            "os": "linux",
            "created": _CREATED,
            "config": {
                "User": USER,
                "Env": [f"{name}={value}" for name, value in variables.items()],
                "Cmd": ["python"],
                "WorkingDir": "/",
                "Labels": told,
            },
            "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, *layers]},
            "history": history,
        }
    )


def manifest(config: bytes, base: Sequence[Document], layers: Sequence[Layer]) -> bytes:
    """Return the manifest of an image; `base` are the descriptors of the base's layers."""
    own = [{"mediaType": LAYER, "digest": layer.digest, "size": layer.size} for layer in layers]
    return _text(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest_of(config), "size": len(config)},
            "layers": [*base, *own],
        }
    )


@dataclass(frozen=True)
class Step:
    """An image of some layers: what an engine has been given, or is to be given."""

    config: bytes
    layers: int

    @property
    def id(self) -> str:
        """What the engine calls it."""
        return digest_of(self.config)

    @property
    def file(self) -> str:
        """The file that an archive has its configuration in."""
        return f"{self.id.removeprefix('sha256:')}.json"

    @property
    def paths(self) -> list[str]:
        """The files that an archive has its layers in."""
        return [f"{number}.tar" for number in range(self.layers)]


def archive(step: Step, parent: Step | None, top: Layer | None, tags: Sequence[str]) -> Iterator[bytes]:
    """Yield what an engine loads as an image of which it has all layers but the topmost, `top`.

    Those that it has are left out: it knows them by what they are made of. It believes in a parent that it is told of
    in the same archive.
    """
    told: list[dict[str, Any]] = [{"Config": step.file, "RepoTags": list(tags) or None, "Layers": step.paths}]
    documents = {step.file: step.config}
    if parent is not None:
        told[0]["Parent"] = parent.id
        told.insert(0, {"Config": parent.file, "RepoTags": None, "Layers": parent.paths})
        documents[parent.file] = parent.config
    if top is not None:
        yield _entry(step.paths[-1], top.size)
        yield from _file(top.path, top.size)
    for path, text in {**documents, "manifest.json": _text(told)}.items():
        yield _entry(path, len(text))
        yield _padded(text)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _entry(name: str, size: int) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


def _file(path: Path, size: int) -> Iterable[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            yield block
    yield bytes(-size % tarfile.BLOCKSIZE)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _text(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")
