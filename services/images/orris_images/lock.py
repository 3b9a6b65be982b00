"""A lock: exactly what an environment consists of."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass

from orris.errors import InvalidArgument
from orris_kit import uv
from orris_kit.conda_package import CondaPackage

FORMAT = "orris-lock/1"
SIZE_LIMIT = 16 * 1024 * 1024
_PIN = re.compile(r"^[A-Za-z0-9][^\s;\\]*==[^\s;\\]+", re.MULTILINE)
# Fields that locks of the first version do not have; absent and empty are the same, also for the image's id.
_LATER = ("conda_packages", "base_image", "dockerfile", "context")
_OPTIONAL = {*_LATER, "specification"}


@dataclass(frozen=True)
class Lock:
    """Pinned, hashed requirements for one Python on one platform.

    `requirements` is text for pip and uv, without names of hosts; `conda_packages` are installed before them. With an
    `interpreter` (user-managed, or that of a Dockerfile's image) nothing is installed. `index_url` and
    `extra_index_urls`, never with credentials, are where the spec says the packages are; they are no part of the
    image's identity, the hashes are. `base_image` is the spec's own, with its digest; `dockerfile` is its text, and
    `context` the tree of the files that it may use. `specification` is the digest of the one that it was resolved for;
    others may come to the same lock, so it is no part of the image's identity either.
    """

    python_version: str
    requested_python: str | None
    platform: str
    requirements: str
    packages: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...] = ()
    interpreter: str | None = None
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    source_builds: bool = False
    conda_packages: tuple[CondaPackage, ...] = ()
    base_image: str | None = None
    dockerfile: str | None = None
    context: str | None = None
    specification: str = ""

    @property
    def image_id(self) -> str:
        """The first 32 hex digits of the digest."""
        return self.digest[:32]

    @property
    def digest(self) -> str:
        """SHA-256, in hex, over all that decides what is in an image: packages of every kind, Python, platform."""
        content: list[object] = [FORMAT, self.requirements, self.packages]
        content += [self.python_version, self.platform, self.interpreter]
        rest = {name: value for name in _LATER if (value := getattr(self, name))}
        if rest:
            content.append({name: _plain(value) for name, value in rest.items()})
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()

    @property
    def pins(self) -> tuple[str, ...]:
        """The packages that pip installs as `name==version`: what an overlay holds on to."""
        return pins(self.requirements)

    @property
    def index_arguments(self) -> tuple[str, ...]:
        """Arguments for uv that say where the packages are."""
        return uv.index_arguments(self.index_url, self.extra_index_urls)

    def to_json(self) -> str:
        """Return the lock as JSON, the same text for the same lock."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=True, indent=1, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Lock":
        """Read what `to_json` wrote; raise InvalidArgument when it is something else."""
        try:
            if len(text) > SIZE_LIMIT:
                raise ValueError(f"larger than {SIZE_LIMIT} characters")
            document = json.loads(text)
            if document.pop("format") != FORMAT:
                raise ValueError(f"format is not {FORMAT}")
            return _lock(document)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise InvalidArgument(f"lock: this is not a lock of Orris ({error})", field="lock") from error


def pins(requirements: str) -> tuple[str, ...]:
    """Return the `name==version` of each of hashed requirements."""
    return tuple(_PIN.findall(requirements))


def _lock(document: dict[str, object]) -> Lock:
    if document.keys() | _OPTIONAL != Lock.__dataclass_fields__.keys():
        raise ValueError("its fields are not those of a lock")
    return Lock(
        python_version=_text(document["python_version"]),
        requested_python=_text_or_none(document["requested_python"]),
        platform=_text(document["platform"]),
        requirements=_text(document["requirements"]),
        packages=tuple((_text(name), _text(version)) for name, version in map(_list, _list(document["packages"]))),
        warnings=tuple(map(_text, _list(document["warnings"]))),
        interpreter=_text_or_none(document["interpreter"]),
        index_url=_text_or_none(document["index_url"]),
        extra_index_urls=tuple(map(_text, _list(document["extra_index_urls"]))),
        source_builds=document["source_builds"] is True,
        conda_packages=tuple(map(_conda_package, _list(document.get("conda_packages", [])))),
        base_image=_text_or_none(document.get("base_image")),
        dockerfile=_text_or_none(document.get("dockerfile")),
        context=_text_or_none(document.get("context")),
        specification=_text(document.get("specification", "")),
    )


def _conda_package(value: object) -> CondaPackage:
    if not isinstance(value, dict) or value.keys() != CondaPackage.__dataclass_fields__.keys():
        raise TypeError("a conda package was expected")
    return CondaPackage(**{name: _text(each) for name, each in value.items()})


def _plain(value: object) -> object:
    """Return what JSON has for a field's value."""
    return [asdict(each) for each in value] if isinstance(value, tuple) else value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text was expected")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("a list was expected")
    return value
