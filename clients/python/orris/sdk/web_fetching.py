"""What is at a URL, whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urljoin, urlsplit

from orris.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, Unavailable
from orris.sdk.content import PIECE_BYTES
from orris.sdk.http_connections import Origin, Way
from orris.sdk.parallel import OnProgress
from orris.sdk.repeating import Sleep, repeat
from orris.sdk.target_folder import write_at

MAX_BYTES = 100 * 1024**3
MAX_REDIRECTS = 10
_REDIRECTS = (301, 302, 303, 307, 308)
_NOT_NOW = (408, 425, 429, 500, 502, 503, 504)
# As it is, and from somebody: there are servers that refuse who says nothing of themselves.
_HEADERS = {"Accept-Encoding": "identity", "Accept": "*/*", "User-Agent": "orris"}
_UPLOAD = "download it yourself, and upload it: Datastore.get_default(workspace).upload_files([file])"
# What may stand in a URL as it is: RFC 3986, reserved characters, `~` and `%`.
_SAFE = "!#$%&'()*+,/:;=?@[]~"


def fetch(url: str, descriptor: int, listener: OnProgress, sleep: Sleep = time.sleep) -> None:
    """Write what is at an http or https URL into a file that is empty.

    Begins anew, six times at most, where it breaks off. Redirects are followed, but not from https to http. Raises
    InvalidArgument (INVALID_URL), NotFound (URL_NOT_FOUND), FailedPrecondition (URL_REFUSED, URL_UNREACHABLE), DataLoss
    (URL_DAMAGED), Unavailable.
    """
    check_url(url)
    repeat(lambda: _fetch(url, descriptor, listener), sleep)


def check_url(url: str) -> None:
    """Raise InvalidArgument (INVALID_URL) for what is no http or https URL, and for one with a password in it."""
    try:
        parts = urlsplit(_spelled(url))
        Origin.of(parts)
        has_credentials = parts.username is not None
        parts.netloc.encode("ascii")
    except ValueError as error:
        message = f"path: {shown(url)} is no http or https URL that can be asked; correct it"
        raise InvalidArgument(message, field="path", reason="INVALID_URL") from error
    if has_credentials:
        message = f"path: the URL of {parts.hostname} has a user in it, which would be kept nowhere safe; {_UPLOAD}"
        raise InvalidArgument(message, field="path", reason="INVALID_URL")


def shown(url: str) -> str:
    """Return a URL for people: without what may be a secret in it."""
    without_query = url.partition("#")[0].partition("?")[0]
    scheme, slashes, rest = without_query.partition("://")
    return f"{scheme}{slashes}{rest.rpartition('@')[2]}"[:300]


def _fetch(url: str, descriptor: int, listener: OnProgress) -> None:
    os.ftruncate(descriptor, 0)
    with _answer(url, _spelled(url)) as response:
        _check_answer(url, response)
        expected, done, md5 = response.length, 0, hashlib.md5(usedforsecurity=False)
        for data in _pieces(url, response):
            write_at(descriptor, data, done)
            md5.update(data)
            done += len(data)
            if done > MAX_BYTES:
                raise _too_large(url)
            listener(done, max(done, expected or 0))
    if expected is not None and done != expected:
        raise Unavailable(f"{shown(url)} broke off: {done:,} of {expected:,} bytes have come; try again")
    told = response.getheader("Content-MD5")
    if told and told.strip() != base64.b64encode(md5.digest()).decode():
        message = f"{shown(url)} has another MD5 than its server tells; try again, or {_UPLOAD}"
        raise DataLoss(message, reason="URL_DAMAGED")


def _pieces(url: str, response: HTTPResponse) -> Iterator[bytes]:
    with _breaking_off(url):
        while data := response.read(PIECE_BYTES):
            yield data


@contextmanager
def _answer(first: str, url: str) -> Iterator[HTTPResponse]:
    """Give the answer to who asks for a URL, and for those that it is redirected to."""
    for _ in range(MAX_REDIRECTS + 1):
        with closing(_connected(url)) as connection:
            response = _asked(first, url, connection)
            if response.status not in _REDIRECTS:
                yield response
                return
            url = _redirected(first, url, response.getheader("Location") or "")
    raise _refused(first, f"is redirected more than {MAX_REDIRECTS} times")


def _asked(first: str, url: str, connection: HTTPConnection) -> HTTPResponse:
    way = Way.to(Origin.of(urlsplit(url)))
    with _breaking_off(first):
        connection.request("GET", way.target(url), headers={**way.headers(url), **_HEADERS})
        return connection.getresponse()


@contextmanager
def _breaking_off(url: str) -> Iterator[None]:
    """Raise Unavailable for what goes wrong on the line. Whoever takes the pieces has errors of their own."""
    try:
        yield
    except (HTTPException, OSError) as error:
        raise Unavailable(f"{shown(url)} broke off ({str(error) or type(error).__name__}); try again") from error


def _connected(url: str) -> HTTPConnection:
    origin = Origin.of(urlsplit(url))
    try:
        return Way.to(origin).connect()
    except OSError as error:
        message = f"{origin.host}:{origin.port} cannot be reached ({error}); correct the URL, or {_UPLOAD}"
        raise FailedPrecondition(message, reason="URL_UNREACHABLE") from error


def _redirected(first: str, url: str, location: str) -> str:
    following = _spelled(urljoin(url, location))
    if not location or not following.lower().startswith(("http://", "https://")):
        raise _refused(first, "is redirected to what cannot be asked over HTTP")
    if url.startswith("https:") and not following.startswith("https:"):
        raise _refused(first, "is redirected from https to http, where anybody could change it")
    check_url(following)
    return following


def _check_answer(url: str, response: HTTPResponse) -> None:
    """Raise what an answer says that has not all of the file."""
    status = response.status
    if status in (404, 410):
        raise NotFound(f"nothing is at {shown(url)} (status {status}); correct the URL", reason="URL_NOT_FOUND")
    if status in _NOT_NOW:
        raise Unavailable(f"{shown(url)} cannot be had now (status {status}); try again later")
    if status != 200:
        raise _refused(url, f"is refused (status {status})")
    if (coding := response.getheader("Content-Encoding", "identity")).lower() != "identity":
        raise _refused(url, f"comes packed ({coding[:40]}) though it was asked for as it is")
    if response.length is None and not response.chunked:
        raise _refused(url, "comes without its length, so that nobody would see whether all of it has come")
    if (response.length or 0) > MAX_BYTES:
        raise _too_large(url)


def _refused(url: str, problem: str) -> FailedPrecondition:
    return FailedPrecondition(f"{shown(url)} {problem}; {_UPLOAD}", reason="URL_REFUSED")


def _too_large(url: str) -> FailedPrecondition:
    return _refused(url, f"is larger than {MAX_BYTES / 1024**3:.0f} GiB")


def _spelled(url: str) -> str:
    """Return a URL with what may not stand in it escaped, and without what is for the reader alone."""
    return quote(url.strip().partition("#")[0], safe=_SAFE)
