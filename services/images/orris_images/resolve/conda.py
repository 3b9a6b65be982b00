"""Resolve with rattler, in conda channels; what pip is to add, with uv on the Python that conda brings."""

import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from orris.errors import FailedPrecondition, InvalidArgument
from orris_images.interpreters import Found
from orris_images.lock import Lock
from orris_images.packages import from_channels, to_install
from orris_images.resolve.conda_pip import OnConda
from orris_images.resolve.uv import UvResolver
from orris_images.spec import Spec
from orris_kit import conda_call
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
from orris_kit.process import Log

_MANYLINUX = re.compile(r"manylinux_(\d+)_(\d+)")


@dataclass(frozen=True)
class _Chosen:
    """What conda brings; `substitution` is the warning that another minor Python than the one asked for is used."""

    packages: tuple[CondaPackage, ...]
    warnings: tuple[str, ...] = ()
    substitution: str | None = None

    @property
    def python(self) -> str:
        return next((one.version for one in self.packages if one.name == "python"), "")


class CondaResolver:
    """The resolver of conda's packages. `default` names the channels of a spec that names none.

    `environ` may hold CONDA_OVERRIDE_GLIBC, CONDA_OVERRIDE_CUDA and their like: what a machine is to count as that has
    something else than this one.
    """

    def __init__(
        self,
        channels: CondaChannels,
        default: tuple[str, ...],
        resolver: UvResolver,
        environ: Mapping[str, str],
        *,
        timeout: float = 1800,
    ) -> None:
        self._channels, self._default, self._timeout = channels, default, timeout
        self._on_conda = OnConda(channels, resolver, environ, timeout)
        self._environ = environ

    def brings_python(self, spec: Spec) -> bool:
        """Implement Resolver.brings_python."""
        if spec.base is not None:
            return bool(spec.base.conda_packages)
        named = spec.conda_packages or spec.channels
        return bool(self._channels and named and spec.interpreter is None and spec.dockerfile is None)

    def resolve(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None = None) -> Lock:
        """Implement Resolver.resolve; of `interpreter` only the platform counts."""
        chosen = _Chosen(spec.base.conda_packages) if spec.base else self._chosen(spec, interpreter, log, cancel)
        wanted, notes = to_install(replace(spec, conda_packages=()), {one.name for one in chosen.packages})
        for line in (*chosen.warnings, *notes):
            log(line)
        kept = () if spec.base is None else spec.base.packages
        found = replace(interpreter, version=chosen.python, warning=chosen.substitution)
        brought, pinned = self._on_conda.pin(chosen.packages, (*kept, *wanted), spec, found, log, cancel)
        return Lock(
            python_version=chosen.python,
            requested_python=spec.python,
            platform=interpreter.platform,
            requirements=pinned.text,
            packages=tuple(sorted({*((one.name, one.version) for one in brought), *pinned.packages})),
            warnings=(*chosen.warnings, *pinned.warnings),
            index_url=spec.index_url,
            extra_index_urls=spec.extra_index_urls,
            source_builds=pinned.source_builds,
            conda_packages=chosen.packages,
        )

    def _chosen(self, spec: Spec, interpreter: Found, log: Log, cancel: threading.Event | None) -> _Chosen:
        """Let rattler choose what conda channels bring."""
        specs, notes = from_channels(spec)
        for line in notes:
            log(line)
        request = {
            "channels": [{"name": name, "urls": self._urls(name)} for name in self._names(spec)],
            "specs": [asdict(one) for one in specs],
            "python": spec.python,
            "strict": spec.strict,
            "subdir": _subdir(interpreter),
        }
        answer = conda_call.call(
            "orris_images.resolve.conda_solve", request, self._channels,
            environ={**_machine(interpreter), **self._environ}, timeout=self._timeout, log=log, cancel=cancel,
        )  # fmt: skip
        try:
            packages = sorted((CondaPackage(**one) for one in answer["packages"]), key=lambda one: one.name)
        except InvalidArgument as error:
            raise FailedPrecondition(f"the index of a conda channel is not one: {error.message}") from error
        return _Chosen(tuple(packages), tuple(answer["warnings"]), answer["substitution"])

    def _names(self, spec: Spec) -> list[str]:
        """`nodefaults` is conda's way to say that no other channels are meant, which is so here anyway."""
        return [name for name in spec.channels if name != "nodefaults"] or [*self._default]

    def _urls(self, name: str) -> list[str]:
        urls = self._channels.urls(name)
        if not urls:
            message = f"the conda channel {name} is at none of the addresses that are configured for this service"
            raise FailedPrecondition(message, reason="CONDA_CHANNEL_NOT_CONFIGURED")
        return urls


def _subdir(interpreter: Found) -> str:
    """Return what conda calls the platform of a Python."""
    kind = interpreter.platform.removeprefix("linux-")
    return {"x86_64": "linux-64"}.get(kind, f"linux-{kind}")


def _machine(interpreter: Found) -> dict[str, str]:
    """Return what a machine counts as: no generation of its processor, as others may be older; a base's C library."""
    machine = {"CONDA_OVERRIDE_ARCHSPEC": interpreter.platform.removeprefix("linux-")}
    glibc = _MANYLINUX.search(interpreter.uv_platform or "")
    return machine | ({"CONDA_OVERRIDE_GLIBC": f"{glibc[1]}.{glibc[2]}"} if glibc else {})
