"""References of container images: host:port/path:tag@sha256:digest."""

from __future__ import annotations


def split_reference(reference: str) -> tuple[str, str]:
    """Return the name of an image without its version, and its digest, tag, or `latest`."""
    name, _, digest = reference.partition("@")
    path, _, last = name.rpartition("/")
    short, _, tag = last.partition(":")
    return (f"{path}/{short}" if path else short), digest or tag or "latest"


def registry_of(reference: str) -> str:
    """Return the host of an image's registry, empty for that which engines ask when none is named."""
    first, slash, _ = reference.partition("/")
    return first if slash and ("." in first or ":" in first or first == "localhost") else ""
