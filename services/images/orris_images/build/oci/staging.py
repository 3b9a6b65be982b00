"""An environment as it will be in the image, made by uv outside of any container."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from orris_images.build.oci.bases import Base
from orris_images.build.oci.config import ENVIRONMENT
from orris_images.build.oci.inside import Inside
from orris_images.build.oci.wrapping import wrap
from orris_images.lock import Lock
from orris_kit import conda_prefix, uv
from orris_kit.conda_channels import CondaChannels
from orris_kit.environment_folder import MARKER
from orris_kit.process import Log


class Staging:
    """A folder to make one environment in, whose Python is that of the base; `python` is one of this machine."""

    def __init__(
        self, folder: Path, base: Base, environ: Mapping[str, str], channels: CondaChannels, timeout: float, log: Log,
        cancel: threading.Event | None,
    ) -> None:  # fmt: skip
        self._channels = channels
        self._folder, self._base, self.environ = folder, base, environ
        self._end, self._log, self._cancel = time.monotonic() + timeout, log, cancel
        self.environment = folder / "environment"

    @property
    def left(self) -> float:
        """Seconds until it takes too long."""
        return max(1.0, self._end - time.monotonic())

    def fill(self, lock: Lock, python: Path | None, inside: Inside) -> None:
        """Make the environment of a lock: with `python`, which is like the base's, or in a container.

        Raises FailedPrecondition, Unavailable, ResourceExhausted (DISK_FULL), DeadlineExceeded, Cancelled.
        """
        if lock.interpreter is not None:
            wrap(self.environment, self._base.executable)
        elif lock.conda_packages:
            self._install_conda(lock)
        elif python is None or lock.source_builds:
            inside.install(lock, self.environment)
            self._lead_to_base()
        else:
            self._install(lock, python)

    def _install(self, lock: Lock, python: Path) -> None:
        """Install a lock of wheels."""
        self._uv("venv", "--quiet", "--relocatable", "--no-project", "--python", str(python), str(self.environment))
        if lock.requirements.strip():
            file = self._folder / "requirements.txt"
            file.write_text(lock.requirements, encoding="utf-8")
            wanted = ("--python", str(self.environment / "bin" / "python"), "--require-hashes", "--no-deps")
            target = ("--python-platform", self._base.uv_platform, "--no-build", "--link-mode", "clone")
            self._uv("pip", "install", *wanted, *target, *lock.index_arguments, "--requirements", str(file))
        self._lead_to_base()

    def _install_conda(self, lock: Lock) -> None:
        """Install conda's packages and those that pip adds, with the place in the image written in their files."""
        conda_prefix.make(
            self.environment,
            lock.conda_packages,
            lock.requirements,
            lock.image_id,
            self.said,
            channels=self._channels,
            environ=self.environ,
            destination=Path(ENVIRONMENT),
            allow_source_builds=lock.source_builds,
            index_arguments=(*lock.index_arguments, "--python-platform", self._base.uv_platform),
            timeout=self.left,
            cancel=self._cancel,
        )
        (self.environment / MARKER).unlink()
        for history in self.environment.glob("conda-meta/history"):
            history.unlink()  # says when it was made

    def _uv(self, *arguments: str) -> None:
        finished = uv.run(
            arguments, environ=self.environ, cwd=self._folder, timeout=self.left, log=self.said, cancel=self._cancel
        )
        if finished.exit_code != 0:
            raise uv.not_installed(finished)

    def said(self, line: str) -> None:
        if self._folder.name not in line:  # the name of a folder that is gone soon tells nobody anything
            self._log(line)

    def _lead_to_base(self) -> None:
        """Put the base's Python in place of this machine's; leave out what only uv looks at."""
        for name in (".gitignore", "CACHEDIR.TAG", ".lock"):
            (self.environment / name).unlink(missing_ok=True)
        scripts = self.environment / "bin"
        for found in scripts.glob("python*"):
            if found.is_symlink():
                found.unlink()
        for name, target in (
            ("python", self._base.path),
            ("python3", "python"),
            (f"python{self._base.minor}", "python"),
        ):
            (scripts / name).symlink_to(target)
        home = PurePosixPath(self._base.path).parent
        settings = {"home": home, "include-system-site-packages": "false", "version": self._base.version}
        text = "".join(f"{name} = {value}\n" for name, value in settings.items())
        (self.environment / "pyvenv.cfg").write_text(text, encoding="utf-8")
        shutil.rmtree(self.environment / "include", ignore_errors=True)
