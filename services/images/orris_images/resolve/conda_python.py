"""Which Python conda channels give for what a spec asks, with the rules for those of a machine."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from orris_images.interpreters import OLDEST, choose
from orris_images.python_request import PythonRequest
from orris_kit.conda_program import Refused
from orris_kit.interpreter import Interpreter


@dataclass(frozen=True)
class CondaPython:
    """`versions` as conda writes them, with a `note` where they are other patch releases than the one asked for, or a
    `warning` where they are of another minor version, `substitute`."""

    versions: str
    note: str | None = None
    warning: str | None = None
    substitute: str | None = None


def choose_python(requested: str | None, there: Iterable[str], strict: bool) -> CondaPython:
    """Choose for `requested` (None: the newest) among the versions that are there.

    Raises Refused when there is none for it, or only another minor version and `strict` is set.
    """
    if requested is None:
        return CondaPython(f">={OLDEST}")
    request, known = (PythonRequest.parse(requested), sorted(_finals(there), reverse=True))
    found = choose(request, [Interpreter(Path(), Path(), str(version), "") for version in known])
    if found is None or (strict and found.substituted):
        listed = ", ".join(map(str, known)) or "none"
        raise Refused(f"Python {request.text} is not in the conda channels. Found: {listed}")
    if found.exact:
        return CondaPython(_as_conda(request))
    minor = ".".join(found.version.split(".")[:2])
    if not found.substituted:
        note = f"Python {minor} is used for {request.text}: the conda channels have other patch releases of it only"
        return CondaPython(f"{minor}.*", note)
    warning = f"WARNING: Python {request.text} was asked for and is not in the conda channels: Python {minor} IS USED. "
    return CondaPython(f"{minor}.*", None, warning + "Set strict to make this an error.", minor)


def _finals(versions: Iterable[str]) -> Iterable[Version]:
    for text in set(versions):
        try:
            version = Version(text)
        except InvalidVersion:
            continue
        if not version.is_prerelease:
            yield version


def _as_conda(request: PythonRequest) -> str:
    if request.versions is not None:
        return str(request.versions)
    minor = ".".join(map(str, request.minor))
    return f"{minor}.*" if request.patch is None else f"=={minor}.{request.patch}"
