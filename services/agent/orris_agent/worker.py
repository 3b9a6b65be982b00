"""Begin a worker of a run that is spread: `python -m orris_agent.worker ENVIRONMENTS WORDS...`.

Ray starts it on a machine of its choice, in the run's snapshot. It becomes `WORDS...` in the run's environment. Where
the machine does not have that, it becomes them in Ray's own, and has it installed by this program without words, which
says why it cannot: what is not up within a minute, or does not begin, Ray starts again and again, and nobody hears why.

So it loads nothing but Python's own before that: whoever can load this file hears what else is missing.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orris.images.v1.images_pb2 import Image

IMAGE_FILE = ".orris-image"
INSTALLS = "ORRIS_WORKER_INSTALLS"  # the command by which a worker in Ray's own environment has the run's installed


def main() -> None:
    environments, *words = sys.argv[1:]
    root = Path(environments).expanduser()
    if not words:
        sys.exit(_install(root))
    python = _python(root)
    if python is None:
        python = _python_of_ray(Path(words[0]))
    else:
        del os.environ[INSTALLS]
    os.execv(python, [str(python), *words])  # noqa: S606  # no shell is meant


def _python(root: Path) -> Path | None:
    try:
        from orris_agent.runtimes.process.environments import VirtualEnvironments

        return VirtualEnvironments(root).ready(_image())
    except Exception:  # who installs it finds the same, and is heard
        return None


def _python_of_ray(program: Path) -> Path:
    """Return the interpreter of the environment that a program of Ray's is in."""
    return next(each for folder in program.parents if (each := folder / "bin" / "python3").exists())


def _install(root: Path) -> int:
    """Let this machine have the environment, by its own settings, as an agent would; or say why it cannot."""
    try:
        import asyncio

        from orris_agent.config import Settings
        from orris_agent.runtimes.process.environments import VirtualEnvironments

        settings = Settings()
        asyncio.run(VirtualEnvironments(root, settings.link_mode, settings.conda).make(_image(), _tell))
    except Exception as error:
        print(str(error) or type(error).__name__)
        return 1
    return 0


def _image() -> Image:
    """Return the image, found by the name of the folder: Ray unpacks it anew for each of its nodes on a machine."""
    from orris.images.v1.images_pb2 import Image

    return Image.FromString(Path(os.environ.get("PWD", ""), IMAGE_FILE).read_bytes())


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
