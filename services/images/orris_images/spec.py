"""What an environment should contain, in one canonical form: equal specs have equal digests."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import astuple, dataclass

from orris.errors import InvalidArgument
from orris_images import conda_names, container, pep508
from orris_images.container import Dockerfile
from orris_images.python_request import PythonRequest
from orris_images.quoting import quoted
from orris_kit.conda_package import CondaPackage, is_channel

FORMAT = "orris-spec/1"
PACKAGES_LIMIT = 1000
VARIABLES_LIMIT = 200
VARIABLE_SIZE_LIMIT = 32 * 1024
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


@dataclass(frozen=True)
class Base:
    """The image an overlay adds to: its Python, its packages as `name==version`, and those of conda, all of which stay
    as they are."""

    python: str
    packages: tuple[str, ...]
    interpreter: str | None = None
    conda_packages: tuple[CondaPackage, ...] = ()

    def __post_init__(self) -> None:
        for package in self.packages:
            if pep508.pinned(pep508.canonical(package, "base")) is None:
                raise InvalidArgument(f"base packages must be pinned as name==version, not {package!r}", field="base")
        _set(self, "packages", _canonical(self.packages, "base"))


@dataclass(frozen=True)
class Spec:
    """An environment as asked for. Making one validates it and brings it into canonical form.

    `python` is a version as conda writes it ("3.6.2", "3.10", ">=3.8"), `packages` are PEP 508 requirements without
    addresses, `conda_packages` are conda's match specs. `interpreter` names a Python whose packages somebody else
    looks after: nothing is installed then. `environment_variables` are set when it runs; they do not change what is
    installed, so not the digest. `strict` refuses another minor Python than the one asked for. `base_image` is the
    container image that everything is put on; with a `dockerfile` its image is all there is.

    Raises InvalidArgument naming the field.
    """

    packages: tuple[str, ...] = ()
    python: str | None = None
    conda_packages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    interpreter: str | None = None
    environment_variables: tuple[tuple[str, str], ...] = ()
    strict: bool = False
    base: Base | None = None
    base_image: str | None = None
    dockerfile: Dockerfile | None = None

    def __post_init__(self) -> None:
        if self.python is not None:
            _set(self, "python", PythonRequest.parse(self.python, "python").text)
        _set(self, "packages", _canonical(self.packages, "packages"))
        conda = {conda_names.canonical(text, "conda_packages") for text in self.conda_packages}
        _set(self, "conda_packages", _limited(sorted(conda), "conda_packages"))
        _set(self, "channels", _limited(map(_channel, self.channels), "channels"))
        indexes = [pep508.index_url(url, "index_url") for url in self.extra_index_urls]
        _set(self, "extra_index_urls", tuple(dict.fromkeys(indexes)))
        if self.index_url is not None:
            _set(self, "index_url", pep508.index_url(self.index_url, "index_url"))
        _set(self, "environment_variables", _variables(self.environment_variables))
        if self.base_image is not None:
            _set(self, "base_image", container.base_image(self.base_image))
        self._check_interpreter()
        self._check_dockerfile()

    def _check_interpreter(self) -> None:
        if self.interpreter is None:
            return
        if self.packages or self.conda_packages or self.base:
            message = "nothing is installed into a user-managed interpreter: leave the packages out, or the interpreter"
            raise InvalidArgument(message, field="interpreter")
        container.check_path(self.interpreter, "interpreter")

    def _check_dockerfile(self) -> None:
        if self.dockerfile is None:
            return
        if self.base_image is not None:
            raise InvalidArgument("the Dockerfile's FROM names its base: leave base_image out", field="base_image")
        if self.packages or self.conda_packages or self.base or self.interpreter or self.python:
            message = "nothing is installed into a Dockerfile's image: let the Dockerfile install what is needed"
            raise InvalidArgument(message, field="dockerfile")

    @property
    def asks_python(self) -> bool:
        """Tell whether a Python is chosen for it among those that there are."""
        return self.interpreter is None and self.base is None and self.base_image is None and self.dockerfile is None

    def canonical(self) -> tuple[object, ...]:
        """Return what identifies the environment: everything but its variables, in a fixed order."""
        base = None if self.base is None else (self.base.python, self.base.packages, self.base.interpreter)
        asked = (self.python, self.strict, self.packages, self.conda_packages, self.channels)
        identity = (FORMAT, *asked, self.index_url, self.extra_index_urls, self.interpreter, base)
        # What few specs have is left out where it is absent: the digests of all others stay what they were.
        later = {
            "base_image": self.base_image,
            "dockerfile": self.dockerfile and astuple(self.dockerfile),
            "conda_base": self.base and [astuple(each) for each in self.base.conda_packages],
        }
        return (*identity, *((name, value) for name, value in later.items() if value))

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical form, in hex."""
        text = json.dumps(self.canonical(), ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()


def variables(mapping: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return environment variables as a Spec keeps them."""
    return tuple(sorted(mapping.items()))


def _set(target: object, name: str, value: object) -> None:
    object.__setattr__(target, name, value)


def _limited(values: Iterable[str], name: str) -> tuple[str, ...]:
    kept = tuple(dict.fromkeys(values))
    if len(kept) > PACKAGES_LIMIT:
        raise InvalidArgument(f"{name} holds more than {PACKAGES_LIMIT} entries", field=name)
    return kept


def _canonical(packages: Iterable[str], name: str) -> tuple[str, ...]:
    return _limited(sorted({pep508.canonical(package, name) for package in packages}), name)


def _channel(channel: str) -> str:
    if not is_channel(channel.strip()):
        raise InvalidArgument(f"{quoted(channel)} is not a conda channel", field="channels")
    return channel.strip()


def _variables(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    field = "environment_variables"
    if len(pairs) > VARIABLES_LIMIT:
        raise InvalidArgument(f"more than {VARIABLES_LIMIT} environment variables", field=field)
    for name, value in pairs:
        if not _VARIABLE.fullmatch(name):
            raise InvalidArgument(f"{name[:100]!r} is not the name of an environment variable", field=field)
        if "\0" in value or len(value) > VARIABLE_SIZE_LIMIT:
            message = f"the value of {name} holds a NUL or more than {VARIABLE_SIZE_LIMIT} characters"
            raise InvalidArgument(message, field=field)
    return tuple(sorted(dict(pairs).items()))
