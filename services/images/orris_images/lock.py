"""A lock: exactly what an environment consists of."""

import hashlib
import json
from dataclasses import asdict, dataclass

from orris.errors import InvalidArgument

FORMAT = "orris-lock/1"
SIZE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Lock:
    """Pinned, hashed requirements for one Python on one platform.

    `requirements` is text for pip and uv, without names of hosts. With an `interpreter` (user-managed) nothing is
    installed: `packages` is what was found in it. `index_url` and `extra_index_urls`, never with credentials, are
    where the spec says the packages are; they are no part of the image's identity, the hashes are.
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

    @property
    def image_id(self) -> str:
        """First 32 hex digits of the SHA-256 over the lock's content, the Python's version and the platform."""
        content = (FORMAT, self.requirements, self.packages, self.python_version, self.platform, self.interpreter)
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]

    @property
    def pins(self) -> tuple[str, ...]:
        """The packages as `name==version`: what an overlay holds on to."""
        return tuple(f"{name}=={version}" for name, version in self.packages)

    @property
    def index_arguments(self) -> tuple[str, ...]:
        """Arguments for uv that say where the packages are."""
        return index_arguments(self.index_url, self.extra_index_urls)

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


def index_arguments(index_url: str | None, extra_index_urls: tuple[str, ...]) -> tuple[str, ...]:
    """Return arguments for uv: the index in place of PyPI, and those asked before it."""
    first = () if index_url is None else ("--default-index", index_url)
    return (*first, *(part for url in extra_index_urls for part in ("--index", url)))


def _lock(document: dict[str, object]) -> Lock:
    if document.keys() != Lock.__dataclass_fields__.keys():
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
    )


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
