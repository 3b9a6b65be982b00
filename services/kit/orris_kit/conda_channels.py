"""Where conda channels are: the addresses that an operator names, and who may read there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from orris.errors import InvalidArgument
from orris_kit.conda_package import is_channel

# Where conda itself looks for a channel that it only knows the name of.
_USUAL = "https://conda.anaconda.org/"
_TOKEN = re.compile(r"/t/([^/]+)")


@dataclass(frozen=True)
class CondaChannels:
    """Addresses without credentials: `bases` hold channels under their names, most important first; `named` are those
    of single channels. Who may read is in `logins`, by host, as in rattler's authentication file.

    Nothing is read elsewhere: packages run as those who install them, so an operator says where they come from.
    """

    bases: tuple[str, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    logins: Mapping[str, object] = field(default_factory=dict, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def parse(cls, setting: str, name: str) -> "CondaChannels":
        """Read addresses, folders and NAME=ADDRESS, separated by commas.

        For example `https://user:password@conda.example.org, /srv/conda, defaults=https://conda.example.org/main`.
        Raises InvalidArgument that names the setting, and shows nothing of what may be secret.
        """
        bases, named, logins, secrets = list[str](), dict[str, str](), dict[str, object](), set[str]()
        for number, text in enumerate(filter(None, map(str.strip, setting.split(","))), start=1):
            where = f"{name}: entry {number}"
            channel, sign, rest = text.partition("=")
            single = sign == "=" and is_channel(channel) and ":" not in channel
            address = _Address.parse(rest.strip() if single else text, where)
            if address.login is not None and logins.setdefault(address.host, address.login) != address.login:
                raise InvalidArgument(f"{where}: there is another login for {address.host} already", field=name)
            secrets |= address.secrets
            if single:
                named[channel] = address.url
            else:
                bases.append(address.url)
        return cls(tuple(dict.fromkeys(bases)), named, logins, frozenset(secrets))

    def __bool__(self) -> bool:
        return bool(self.bases or self.named)

    def urls(self, channel: str) -> list[str]:
        """Return the addresses at which `channel` may be, most important first: none for a channel of elsewhere."""
        name = channel.removeprefix(_USUAL)
        if name in self.named:
            return [self.named[name]]
        if not name.startswith("https://"):
            return [f"{base}/{name}" for base in self.bases]
        here = any(name.startswith(f"{base}/") for base in self.bases) or name in self.named.values()
        return [name] if here else []

    def redact(self, text: str) -> str:
        """Return `text` without the credentials."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True)
class _Address:
    """An address without its login, the login, and the texts that give it away."""

    url: str
    host: str = ""
    login: object | None = None
    secrets: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, where: str) -> "_Address":
        if text.startswith("/"):
            return cls(Path(text).as_uri().rstrip("/"))
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme == "file" and parts.path.startswith("/") and not parts.netloc:
            return cls(text.rstrip("/"))
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            message = f"{where} is neither https://HOST/PATH, http://HOST/PATH, file:///FOLDER nor /FOLDER"
            raise InvalidArgument(message, field=where.partition(":")[0])
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path, login, secrets = _login(parts)
        url = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{path}"
        return cls(url, parts.hostname, login, secrets)


def _login(parts: SplitResult) -> tuple[str, object | None, frozenset[str]]:
    """Return the path, the login as rattler has it, and what is secret of it."""
    path = parts.path.rstrip("/")
    if token := _TOKEN.match(path):
        return path[token.end() :], {"CondaToken": token[1]}, frozenset({token[1]})
    if not parts.username:
        return path, None, frozenset()
    username, password = unquote(parts.username), unquote(parts.password or "")
    secrets = {password, parts.password or "", quote(password, safe="")} - {""}
    return path, {"BasicHTTP": {"username": username, "password": password}}, frozenset(secrets)
