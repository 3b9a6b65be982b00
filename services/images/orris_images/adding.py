"""Packages that an environment gets besides those that its specification asks for: services ask for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import sqlalchemy as sa
from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images import pep508
from orris_images.conda_names import on_pypi
from orris_images.images import kept_lock
from orris_images.interpreters import Pythons
from orris_images.lock import Lock
from orris_images.python_request import PythonRequest
from orris_images.resolve.port import Resolver
from orris_images.spec import Spec
from orris_kit.database import read


@dataclass(frozen=True)
class Addition:
    """Packages, each of one version, and the Python that they are for: its minor version counts; empty for any.

    Raises InvalidArgument naming the field.
    """

    packages: tuple[str, ...]
    python: str = ""

    def __post_init__(self) -> None:
        for number, package in enumerate(self.packages):
            field = f"addition.pip_packages[{number}]"
            if pep508.pinned(pep508.canonical(package, field)) is None:
                raise InvalidArgument(f"{field}: {package[:100]!r} must be pinned as name==version", field=field)
        try:
            Version(self.python or "3")
        except InvalidVersion:
            field = "addition.python_version"
            raise InvalidArgument(f"{field}: {self.python[:60]!r} is no version of Python", field=field) from None

    @property
    def pins(self) -> list[tuple[str, str]]:
        """Name and version of each."""
        return [pin for package in self.packages if (pin := pep508.pinned(pep508.canonical(package, "")))]


class Adding:
    """Says what an environment with more packages is."""

    def __init__(self, engine: sa.Engine, pythons: Pythons, resolver: Resolver) -> None:
        self._engine, self._pythons, self._resolver = engine, pythons, resolver

    def added(self, workspace: str, spec: Spec, addition: Addition) -> Spec:
        """Return a specification with what is added; the same one where its lock has it already.

        Raises FailedPrecondition (USER_MANAGED_IMAGE, PACKAGE_CONFLICT, PYTHON_CONFLICT).
        """
        with read(self._engine) as connection:
            lock = kept_lock(connection, workspace, spec.digest)
        if lock is not None and _has(lock, addition):
            _check_python(lock.python_version, addition)
            return spec
        more = _with_packages(spec, addition)
        _check_python(self._python_of(spec), addition)
        return more

    def _python_of(self, spec: Spec) -> str:
        """Return the Python of a specification as far as it is known: a version, or what is asked for, or empty."""
        if spec.base is not None:
            return spec.base.python
        if self._resolver.brings_python(spec):
            return spec.python or ""
        return self._pythons.find(spec.python, spec.strict, base_image=spec.base_image).version


def _has(lock: Lock, addition: Addition) -> bool:
    there = dict(lock.packages)
    return all(there.get(name) == version for name, version in addition.pins)


def _with_packages(spec: Spec, addition: Addition) -> Spec:
    if spec.interpreter is not None or spec.dockerfile is not None:
        message = "nothing can be added to an interpreter that its user looks after: let Orris make the environment"
        raise FailedPrecondition(message, reason="USER_MANAGED_IMAGE")
    more = []
    for package, (name, version) in zip(addition.packages, addition.pins, strict=True):
        asked = [each for each in _asked(spec) if pep508.name(each) == name]
        if other := next((each for each in asked if not _allows(each, version)), None):
            message = f"it asks for {other}: leave that out, or ask for {name}=={version}"
            raise FailedPrecondition(message, reason="PACKAGE_CONFLICT")
        if not any(pep508.pinned(each) == (name, version) and ";" not in each for each in spec.packages):
            more.append(package)
    return replace(spec, packages=(*spec.packages, *more))


def _asked(spec: Spec) -> Iterator[str]:
    """Give all that a specification asks for, as requirements of PyPI."""
    yield from spec.packages
    yield from spec.base.packages if spec.base else ()
    yield from filter(None, map(on_pypi, spec.conda_packages))


def _allows(requirement: str, version: str) -> bool:
    return Requirement(requirement).specifier.contains(version, prereleases=True)


def _check_python(found: str, addition: Addition) -> None:
    if not addition.python or not found:
        return
    wanted = Version(addition.python)
    if not PythonRequest.parse(found).same_minor(wanted):
        message = f"it has Python {found}: ask for python={wanted.major}.{wanted.minor} in it"
        raise FailedPrecondition(message, reason="PYTHON_CONFLICT")
