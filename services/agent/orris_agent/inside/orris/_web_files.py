"""Files of the web as those of a dataset: fetched by the program itself, each whole or not at all."""

import http.client
import os
import posixpath
import time
import urllib.request
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit

from ._exceptions import UserErrorException

PIECE_BYTES = 1 << 20
PAUSES = (1, 2, 4, 0)  # seconds after an attempt that broke off; the last is the last
_NOT_NOW = (408, 425, 429, 500, 502, 503, 504)
_SAFE = "!#$%&'()*+,/:;=?@[]~"


def fetched(urls: list, folder: str) -> None:
    """Fetch what is at URLs into a folder, by paths below what they have in common. Raises UserErrorException."""
    for path, url in sorted(paths_of_urls(urls).items()):
        place = os.path.join(folder, *path.split("/"))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        _fetch(url, place)


def paths_of_urls(urls: list) -> dict:
    """Return URLs by the paths that their files get: below the deepest folder that all of them are in."""
    places = {}
    for url in urls:
        if places.setdefault(_place(url), url) != url:
            raise UserErrorException("path: two different files would be %r; select them apart" % _place(url))
    tops = [posixpath.dirname(place) for place in places]
    top = posixpath.commonpath(tops) if all(tops) else ""
    return {place[len(top) :].lstrip("/"): url for place, url in places.items()}


def _place(url: str) -> str:
    parts = urlsplit(url)
    place = ("%s/%s" % (parts.hostname, unquote(parts.path).strip("/"))).rstrip("/")
    if not parts.hostname or any(part in ("", ".", "..") for part in place.split("/")) or "\0" in place:
        raise UserErrorException("path: %s is no URL of a file that can be asked for" % _shown(url))
    return place


def _fetch(url: str, place: str) -> None:
    for pause in PAUSES:
        try:
            return _save(url, place)
        except HTTPError as error:
            if error.code not in _NOT_NOW or not pause:
                raise UserErrorException("path: %s is refused: status %d" % (_shown(url), error.code)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            if not pause or isinstance(error, ValueError):
                raise UserErrorException("path: %s cannot be fetched: %s" % (_shown(url), error)) from error
        time.sleep(pause)


def _save(url: str, place: str) -> None:
    request = urllib.request.Request(quote(url.strip(), safe=_SAFE), headers={"User-Agent": "orris"})
    with urllib.request.build_opener(_Redirects).open(request, timeout=60) as response, open(place, "wb") as file:
        expected, done = response.length, 0
        if expected is None and not response.chunked:
            raise UserErrorException("path: %s comes without its length: part of it could be missing" % _shown(url))
        while True:
            data = response.read(PIECE_BYTES)
            if not data:
                break
            file.write(data)
            done += len(data)
    if expected is not None and done != expected:
        raise ConnectionError("it broke off: %d of %d bytes have come" % (done, expected))


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """Follow a redirect, but to where anybody could change what comes."""
        if req.full_url.startswith("https:") and not newurl.startswith("https:"):
            raise UserErrorException("path: %s is redirected away from https" % _shown(req.full_url))
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _shown(url: str) -> str:
    """Return a URL without what may be a secret in it."""
    scheme, slashes, rest = url.partition("#")[0].partition("?")[0].partition("://")
    return "%s%s%s" % (scheme, slashes, rest.rpartition("@")[2])
