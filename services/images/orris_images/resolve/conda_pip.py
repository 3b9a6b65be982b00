"""What pip adds to conda's packages, pinned by uv on the Python that conda brings."""

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_images.interpreters import Found
from orris_images.resolve import conda_dists
from orris_images.resolve.conda_dists import Dist
from orris_images.resolve.uv import Pinned, UvResolver
from orris_images.spec import Spec
from orris_kit import conda_call, conda_prefix, uv
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
from orris_kit.environment_folder import python_of
from orris_kit.process import Log


class OnConda:
    """Takes a look at conda's packages installed: what they are called on PyPI is in no index of conda's, and uv asks
    a Python what fits it."""

    def __init__(
        self, channels: CondaChannels, resolver: UvResolver, environ: Mapping[str, str], timeout: float
    ) -> None:
        self._channels, self._resolver, self._environ, self._timeout = channels, resolver, environ, timeout

    def pin(
        self, packages: Sequence[CondaPackage], wanted: Sequence[str], spec: Spec, found: Found, log: Log,
        cancel: threading.Event | None,
    ) -> tuple[list[Dist], Pinned]:  # fmt: skip
        """Return the Python packages that conda brings, and what pip is to add so that `wanted` is there; `found` is
        conda's Python, wherever it will be.

        Raises FailedPrecondition where pip would have to replace what conda brings, and what the calls of both raise.
        """
        cache = conda_call.cache(self._environ)
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="look-", dir=cache) as folder:  # where its files can be links
            prefix = conda_prefix.make(
                Path(folder) / "prefix", packages, "", "look", _without(log, "environment ", "linking "),
                channels=self._channels, environ=self._environ, timeout=self._timeout, cancel=cancel,
            )  # fmt: skip
            brought = conda_dists.installed(prefix)
            if not wanted:
                return brought, Pinned()
            here = replace(found, path=python_of(prefix), uv_platform=None)
            options = ["--python-platform", found.uv_platform] if found.uv_platform else []
            options += self._beside(brought, Path(folder))
            try:
                return brought, self._resolver.pin(wanted, spec, here, log, cancel, options)
            except FailedPrecondition as error:
                advice = "what conda brings is not replaced: ask conda for another version of it, or pip alone"
                raise FailedPrecondition(f"{error.message}\n({advice})") from error

    def _beside(self, brought: list[Dist], folder: Path) -> list[str]:
        """Return options for uv: what conda has brought stays as it is, and is not installed again."""
        conda_dists.offer(brought, folder)
        held = folder / "held.txt"
        held.write_text("\n".join(one.pin for one in brought), encoding="utf-8")
        options = ["--constraint", str(held), "--find-links", str(folder)]
        options += [part for one in brought for part in ("--no-emit-package", one.name)]
        named = uv.environment(self._environ).get("UV_FIND_LINKS", "")  # which the option stands in place of
        return [*options, *(part for each in named.split(",") if each for part in ("--find-links", each))]


def _without(log: Log, *begins: str) -> Log:
    return lambda line: None if line.startswith(begins) else log(line)
