"""How a registry is asked: Basic and Bearer authentication.

https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import ipaddress
import json
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3

from orris.errors import FailedPrecondition
from orris_images.build.oci.registry_pool import Pool
from orris_images.build.oci.settings import OciSettings

_PARAMETER = re.compile(r'([A-Za-z]+)="([^"]*)"')


def address_of(settings: OciSettings) -> str:
    """Return a registry's address: plain http on loopback, and elsewhere where that is allowed."""
    plain = settings.insecure or _is_loopback(settings.host)
    return settings.endpoint or f"{'http' if plain else 'https'}://{settings.host}"


class Access:
    """Sends requests with what a registry's challenge asks for, which it remembers."""

    def __init__(self, pool: Pool, settings: OciSettings, scope: str) -> None:
        self._pool, self._settings, self._scope = pool, settings, scope
        self._host = urlsplit(address_of(settings)).netloc
        self._authorization: str | None = None
        self._asking = threading.Lock()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, timeout: urllib3.Timeout
    ) -> urllib3.BaseHTTPResponse:
        """Send a request; once more where credentials are asked for, or a token has expired."""
        used = self._authorization
        answer = self._once(method, url, headers, body, timeout, used)
        if answer.status != 401:
            return answer
        with self._asking:
            if self._authorization == used:
                self._authorization = self._answer_to(answer.headers.get("WWW-Authenticate", ""), timeout)
        if self._authorization is None or self._authorization == used:
            return answer
        if hasattr(body, "seek"):
            body.seek(0)
        return self._once(method, url, headers, body, timeout, self._authorization)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, timeout: urllib3.Timeout,
        authorization: str | None,
    ) -> urllib3.BaseHTTPResponse:  # fmt: skip
        # Never to another host: an upload may go on at an address of a storage that has its own signature.
        own = authorization if urlsplit(url).netloc == self._host else None
        sent = {**headers, **({"Authorization": own} if own else {})}
        return self._pool.request(method, url, headers=sent, body=body, timeout=timeout, redirect=False)

    def _answer_to(self, challenge: str, timeout: urllib3.Timeout) -> str | None:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            return self._basic() if self._settings.username else None
        if kind.lower() == "bearer":
            return self._token(dict(_PARAMETER.findall(rest)), timeout)
        return None

    def _basic(self) -> str:
        pair = f"{self._settings.username}:{self._settings.password}"
        return urllib3.make_headers(basic_auth=pair)["authorization"]

    def _token(self, asked: Mapping[str, str], timeout: urllib3.Timeout) -> str | None:
        realm = asked.get("realm", "")
        if urlsplit(realm).scheme != "https" and not (self._settings.insecure or _is_loopback(urlsplit(realm).netloc)):
            message = f"the registry asks to send its credentials to {realm[:100]}, which is not https"
            raise FailedPrecondition(message, reason="REGISTRY_REFUSES")
        query = {"service": asked.get("service", ""), "scope": asked.get("scope") or self._scope}
        headers = {"Authorization": self._basic()} if self._settings.username else {}
        answer = self._pool.request("GET", f"{realm}?{urlencode(query)}", headers=headers, timeout=timeout)
        if answer.status != 200:
            return None
        try:
            given = json.loads(answer.data)
            return f"Bearer {given.get('token') or given['access_token']}"
        except (ValueError, KeyError, AttributeError):
            return None


def _is_loopback(host: str) -> bool:
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
