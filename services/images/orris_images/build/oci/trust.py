"""The certificate authorities that this machine trusts, for what is made where its files are not."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path

from orris_kit import uv

_BEGIN = b"-----BEGIN CERTIFICATE-----"


def certificates(environ: Mapping[str, str]) -> bytes:
    """Return them as PEM: of SSL_CERT_FILE (or PIP_CERT) and SSL_CERT_DIR, as uv takes them, else the system's own."""
    seen = uv.environment(environ)
    found = dict.fromkeys(_named(seen.get("SSL_CERT_FILE", ""), seen.get("SSL_CERT_DIR", "")))
    return b"\n".join(found) or _of_system()


def _named(file: str, folders: str) -> Iterator[bytes]:
    """Yield what is in a file and in the files of folders, which have several names for one."""
    if file and os.path.isfile(file):
        yield Path(file).read_bytes()
    for folder in filter(None, folders.split(os.pathsep)):
        known = {path.resolve() for path in Path(folder).glob("*") if path.is_file()}
        yield from (content for path in sorted(known) if _BEGIN in (content := path.read_bytes()))


def _of_system() -> bytes:
    place = ssl.get_default_verify_paths().openssl_cafile
    if os.path.isfile(place):
        return Path(place).read_bytes()
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, trusted)).encode()
