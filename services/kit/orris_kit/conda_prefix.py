"""Make an environment of conda packages from a lock, once, wherever on a machine it is asked for.

Files of conda packages have the prefix written in them. It is the place where the environment will be, not the one
where it is made: so it is renamed when complete, as any other, and can be made for a place in a container.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from orris.errors import FailedPrecondition
from orris_kit import conda_call, process
from orris_kit.conda_channels import CondaChannels
from orris_kit.conda_package import CondaPackage
from orris_kit.conda_scripts import readdress
from orris_kit.environment_folder import make_once, python_of
from orris_kit.process import Log
from orris_kit.virtualenv import Calls, LinkMode


def make(
    folder: Path,
    packages: Sequence[CondaPackage],
    requirements: str,
    image_id: str,
    log: Log,
    *,
    channels: CondaChannels,
    environ: Mapping[str, str],
    destination: Path | None = None,
    link_mode: LinkMode = "clone",
    compile_bytecode: bool = False,
    allow_source_builds: bool = False,
    index_arguments: Sequence[str] = (),
    timeout: float = 1800,
    cancel: threading.Event | None = None,
) -> Path:
    """Make `folder` (its name is the image id) from conda `packages` and hashed `requirements`, unless it is ready;
    return it.

    It runs where `destination` says, by default in `folder` itself. `timeout` is in seconds.

    Raises FailedPrecondition when the lock cannot be installed, Unavailable when a channel or an index did not answer,
    ResourceExhausted when the disk is full, DeadlineExceeded when it took too long, Cancelled when `cancel` was set.
    """

    def fill(work: Path, lock: int) -> None:
        calls = Calls(work, environ, timeout, log, cancel, lock)
        place = destination or folder
        _install(calls, packages, channels, place, link_mode)
        if compile_bytecode:
            _compile(calls)
        calls.install(requirements, link_mode, compile_bytecode, allow_source_builds, index_arguments)
        readdress(work, place)

    return make_once(folder, image_id, fill, log, timeout, cancel)


def _install(
    calls: Calls, packages: Sequence[CondaPackage], channels: CondaChannels, place: Path, link_mode: LinkMode
) -> None:
    request = {
        "packages": [{**asdict(one), "stem": one.stem, "urls": _urls(one, channels)} for one in packages],
        "subdir": next((one.subdir for one in packages if one.subdir != "noarch"), "noarch"),
        "prefix": str(calls.work),
        "destination": str(place),
        "link_mode": link_mode,
    }
    conda_call.call(
        "orris_kit.conda_install",
        request,
        channels,
        environ=calls.environ,
        timeout=calls.left,
        log=calls.log,
        cancel=calls.cancel,
        pass_fds=(calls.lock,),
    )
    if not python_of(calls.work).exists():
        raise FailedPrecondition("there is no bin/python in what its conda packages bring")


def _urls(package: CondaPackage, channels: CondaChannels) -> list[str]:
    """Return where a package may be. Raises FailedPrecondition where its channel is not to be had here."""
    urls = channels.urls(package.channel)
    if not urls:
        message = f"{package.stem} is of the conda channel {package.channel}, and no address of it is configured here"
        raise FailedPrecondition(message, reason="CONDA_CHANNEL_NOT_CONFIGURED")
    return [f"{url}/{package.subdir}/{package.file_name}" for url in urls]


def _compile(calls: Calls) -> None:
    """Compile what came without bytecode, as packages for any Python do; what does not compile is nobody's concern."""
    argv = [str(python_of(calls.work)), "-I", "-m", "compileall", "-q", "-j", "0", str(calls.work / "lib")]
    process.run(argv, environ={}, cwd=calls.work, timeout=calls.left, cancel=calls.cancel, pass_fds=(calls.lock,))
