"""What of an environment only a container image has: the image it is based on, or a Dockerfile."""

import re
from dataclasses import dataclass

from orris.errors import InvalidArgument
from orris.names import TreeName
from orris_images.build.oci.names import registry_of
from orris_images.quoting import quoted

DOCKERFILE_LIMIT = 1024 * 1024
PATH_LIMIT = 4096
DEFAULT_INTERPRETER = "python3"

# The grammar of references that registries have in common: [host[:port]/]path[:tag][@digest].
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::[0-9]{1,5})?/)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REFERENCE = re.compile(
    rf"{_HOST}{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?"
)
_REGISTRY = re.compile(rf"{_HOST}(?:{_PART}(?:/{_PART})*/)?")
_FROM = re.compile(r"^\s*FROM\s+\S", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Dockerfile:
    """An image made from the text of a Dockerfile, which has to bring a Python.

    `interpreter` is that Python's path in the image, or its name on the PATH there.
    `context` is the resource name of the tree of files that COPY and ADD may use, empty for none.

    Raises InvalidArgument naming the field.
    """

    text: str
    context: str = ""
    interpreter: str = DEFAULT_INTERPRETER

    def __post_init__(self) -> None:
        if not _FROM.search(self.text) or "\0" in self.text:
            message = "dockerfile.text is no Dockerfile: it has no line like `FROM debian:bookworm`"
            raise InvalidArgument(message, field="dockerfile.text")
        if len(self.text) > DOCKERFILE_LIMIT:
            raise InvalidArgument("dockerfile.text is larger than 1 MiB", field="dockerfile.text")
        if self.context:
            TreeName.parse(self.context, field="dockerfile.context")
        check_path(self.interpreter, "dockerfile.interpreter")


def base_image(text: str) -> str:
    """Return the reference of an image. Raises InvalidArgument naming `base_image`."""
    reference = text.strip()
    if _REFERENCE.fullmatch(reference) and len(reference) <= 400:
        return reference
    message = f"base_image: {quoted(text)} is not the reference of an image; write it like debian:bookworm"
    if "://" in text or re.search(r":[^/]*@(?!sha256:)", text):
        message = (
            "base_image is a reference like host:port/name:tag, without a scheme and without credentials: those belong "
            "to the settings of the service"
        )
    raise InvalidArgument(message, field="base_image")


def check_registry(text: str) -> None:
    """Raise InvalidArgument unless `text` is the host of a registry, and perhaps what names begin with there."""
    whole = f"{text.rstrip('/')}/"
    if not (_REGISTRY.fullmatch(whole) and registry_of(whole)):
        message = f"{quoted(text)} is no registry; write it like registry.example.com:5000/prefix, without a scheme"
        if "@" in text:
            message = (
                "a registry is HOST:PORT/PREFIX; who asks there belongs to REGISTRY_USERNAME and REGISTRY_PASSWORD"
            )
        raise InvalidArgument(message, field="registry")


def check_path(path: str, field: str) -> None:
    """Raise InvalidArgument unless `path` may be that of an interpreter."""
    if not path.strip() or not path.isprintable() or len(path) > PATH_LIMIT:
        raise InvalidArgument(f"{field} must be the path of a Python", field=field)
