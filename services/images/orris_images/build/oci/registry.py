"""A client of a container registry: the OCI distribution specification, as far as images need it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from io import RawIOBase
from types import MappingProxyType
from typing import IO, Any
from urllib.parse import urljoin

import urllib3

from orris.errors import DataLoss, FailedPrecondition, Unavailable
from orris_images.build.oci.registry_access import Access, address_of
from orris_images.build.oci.registry_pool import Pool
from orris_images.build.oci.settings import OciSettings

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_DOCUMENT_LIMIT = 4 * 1024 * 1024
_PAUSES = (0.2, 1.0)
_TIMEOUT = urllib3.Timeout(connect=10, read=120)

Document = dict[str, Any]


class Registry:
    """One repository of a registry; `environ` names the proxy to it, if any.

    Every method raises Unavailable (REGISTRY_UNREACHABLE) when it does not answer, FailedPrecondition
    (REGISTRY_REFUSES) when it refuses, for example the credentials.
    """

    def __init__(self, settings: OciSettings, environ: Mapping[str, str] = MappingProxyType({})) -> None:
        self.repository = settings.repository
        self._address = address_of(settings)
        self._access = Access(Pool(environ), settings, f"repository:{self.repository}:pull,push,delete")

    def digest_of(self, version: str) -> str | None:
        """Return the digest of the manifest by a tag or a digest, None where there is none."""
        answer = self._call("HEAD", f"manifests/{version}", headers={"Accept": f"{MANIFEST}, {DOCKER_MANIFEST}"})
        return answer.headers.get("Docker-Content-Digest") if answer.status == 200 else None

    def manifest(self, version: str) -> tuple[str, Document] | None:
        """Return digest and content of a manifest by a tag or a digest, None where there is none."""
        answer = self._call("GET", f"manifests/{version}", headers={"Accept": f"{MANIFEST}, {DOCKER_MANIFEST}"})
        if answer.status == 404:
            return None
        document: Document = _document(answer.data, version)
        return f"sha256:{hashlib.sha256(answer.data).hexdigest()}", document

    def has_blob(self, digest: str) -> bool:
        """Tell whether a blob is there."""
        return self._call("HEAD", f"blobs/{digest}").status == 200

    def put_blob(self, digest: str, content: IO[bytes] | RawIOBase, size: int) -> bool:
        """Upload a blob; the registry refuses bytes of another digest. Returns whether it was not there before."""
        if self.has_blob(digest):
            return False
        for pause in (*_PAUSES, None):
            location = self._begun_upload(digest)
            try:
                self._send("PUT", location, _octets(size), content, pauses=())
                return True
            except Unavailable:
                if pause is None:
                    raise
                time.sleep(pause)
        raise AssertionError

    def _begun_upload(self, digest: str) -> str:
        """Return where to put a blob. Once: a registry goes on with what it has of an upload that broke off."""
        begun = self._call("POST", "blobs/uploads/", headers={"Content-Length": "0"})
        location = urljoin(f"{self._address}/v2/{self.repository}/blobs/uploads/", begun.headers["Location"])
        return f"{location}{'&' if '?' in location else '?'}digest={digest}"

    def put_manifest(self, tag: str, text: bytes, kind: str) -> str:
        """Give an image its name; return the manifest's digest."""
        self._call("PUT", f"manifests/{tag}", headers={"Content-Type": kind}, body=text)
        return f"sha256:{hashlib.sha256(text).hexdigest()}"

    def delete_manifest(self, digest: str) -> None:
        """Delete an image; one that is not there is no error."""
        answer = self._call("DELETE", f"manifests/{digest}", accepted=(405,))
        if answer.status == 405:
            message = "the registry deletes nothing; allow it (REGISTRY_STORAGE_DELETE_ENABLED=true for distribution's)"
            raise FailedPrecondition(message, reason="REGISTRY_REFUSES")

    def _call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None,
        accepted: tuple[int, ...] = (),
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        url = f"{self._address}/v2/{self.repository}/{path}"
        return self._send(method, url, headers or {}, body, accepted if method != "HEAD" else (401, 403))

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, accepted: tuple[int, ...] = (),
        pauses: tuple[float, ...] = _PAUSES,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        answer = self._answer(method, url, headers, body, pauses)
        if answer.status < 300 or (answer.status == 404 and method in ("GET", "HEAD", "DELETE")):
            return answer
        if answer.status in accepted and answer.status not in (401, 403):
            return answer
        raise _refused(self._address, answer)

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, pauses: tuple[float, ...]
    ) -> urllib3.BaseHTTPResponse:
        """Send a request, again where the connection broke: none of them does anything twice."""
        for pause in (*pauses, None):
            if hasattr(body, "seek"):
                body.seek(0)
            try:
                return self._access.send(method, url, headers, body, _TIMEOUT)
            except (urllib3.exceptions.HTTPError, OSError) as error:
                if pause is None or isinstance(error, urllib3.exceptions.SSLError):
                    raise _unreachable(self._address, error) from error
                time.sleep(pause)
        raise AssertionError


def _octets(size: int) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", "Content-Length": str(size)}


def _document(data: bytes, version: str) -> Document:
    try:
        document = json.loads(data) if len(data) <= _DOCUMENT_LIMIT else None
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise DataLoss(f"what the registry has as {version} is no manifest")
    return document


def _unreachable(address: str, error: Exception) -> Exception:
    cause = getattr(error, "reason", None) or error
    if "CERTIFICATE_VERIFY_FAILED" in str(cause):
        message = f"the certificate of {address} is not trusted by this machine ({cause}); add its authority"
        return FailedPrecondition(message, reason="REGISTRY_REFUSES")
    return Unavailable(f"the registry {address} does not answer: {cause}", reason="REGISTRY_UNREACHABLE")


def _refused(address: str, answer: urllib3.BaseHTTPResponse) -> Exception:
    if answer.status in (401, 403):
        message = (
            f"the registry {address} refuses these credentials ({answer.status}); "
            "see ORRIS_IMAGES_REGISTRY_USERNAME and ORRIS_IMAGES_REGISTRY_PASSWORD"
        )
        return FailedPrecondition(message, reason="REGISTRY_REFUSES")
    said = _said(answer.data)
    if answer.status == 429 or answer.status >= 500:
        text = f"the registry {address} failed ({answer.status}): {said}"
        return Unavailable(text, reason="REGISTRY_UNREACHABLE")
    return FailedPrecondition(f"the registry {address} refuses ({answer.status}): {said}", reason="REGISTRY_REFUSES")


def _said(data: bytes) -> str:
    try:
        errors = json.loads(data)["errors"]
        return "; ".join(f"{one.get('code', '')} {one.get('message', '')}".strip() for one in errors)[:500]
    except (ValueError, KeyError, TypeError, AttributeError):
        return data[:200].decode("utf-8", "replace")
