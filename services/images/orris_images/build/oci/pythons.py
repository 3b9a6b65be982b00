"""The Pythons of base images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_images.build.oci.bases import Base, Bases
from orris_images.interpreters import Found, choose
from orris_images.python_request import PythonRequest
from orris_kit.interpreter import Interpreter
from orris_kit.interpreters import NOT_FOUND
from orris_kit.logging import get_logger

log = get_logger(__name__)


class BasePythons:
    """The Pythons of the service's own base images, or of the one that a specification names."""

    def __init__(self, bases: Bases) -> None:
        self._bases = bases

    def find(
        self,
        requested: str | None,
        strict: bool = False,
        *,
        base_image: str | None = None,
        interpreter: str | None = None,
    ) -> Found:
        """Implement Pythons.find: of the service's own images the first that has what is asked for."""
        known = self._known(base_image, interpreter or "python3")
        if requested is None:
            return _found(Found(Path(), known[0].version, ""), known, base_image)
        request = PythonRequest.parse(requested)
        found = choose(request, [_interpreter(base) for base in known])
        if found is None or (strict and found.substituted):
            raise FailedPrecondition(_missing(request, known), reason=NOT_FOUND)
        if found.warning is not None:
            warning = (
                f"WARNING: Python {request.text} was asked for: Python {found.version} IS USED, of the base image. "
            )
            found = replace(found, warning=f"{warning}{_ADVICE}, or set strict to make this an error.")
        return _found(found, known, base_image)

    def _known(self, base_image: str | None, interpreter: str) -> list[Base]:
        def said(line: str) -> None:
            log.info("looking at base images", what=line)

        if base_image is None:
            return self._bases.default(said)
        return [self._bases.get(base_image, interpreter, said)]


_ADVICE = "Set base_image to an image that has it"


def _interpreter(base: Base) -> Interpreter:
    return Interpreter(Path(base.path), Path(base.path), base.version, base.platform)


def _found(found: Found, known: list[Base], base_image: str | None) -> Found:
    base = next(each for each in known if each.version == found.version)
    return replace(
        found,
        path=Path(base.path),
        platform=base.platform,
        uv_platform=base.uv_platform,
        base_image=base.pinned if base_image is not None else None,
    )


def _missing(request: PythonRequest, known: list[Base]) -> str:
    there = ", ".join(f"{base.version} in {base.name}" for base in known)
    return f"Python {request.text} is in no base image. {_ADVICE}. Found: {there}"
