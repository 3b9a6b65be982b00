"""Begin a worker of a run that is spread: `python -m orris_agent.worker ENVIRONMENTS WORDS...`.

Ray starts it on a machine of its choice, in the run's snapshot. It becomes `WORDS...` in the run's environment, which
is installed first where the machine does not have it yet. Where it cannot be, it becomes them in Ray's own: a worker
that does not begin Ray would start again and again, and nobody would hear why.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from orris.images.v1 import images_pb2 as images
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.spreading import IMAGE_FILE

PROBLEM = "ORRIS_WORKER_PROBLEM"  # read by orris_joblib/orris_workers.py


def main() -> None:
    environments, *words = sys.argv[1:]
    try:
        python = _python(Path(environments).expanduser())
    except Exception as error:
        os.environ[PROBLEM] = str(error) or type(error).__name__
        python = _python_of_ray(Path(words[0]))
    os.execv(python, [str(python), *words])  # noqa: S606  # no shell is meant


def _python(root: Path) -> Path:
    image = images.Image.FromString(Path(IMAGE_FILE).read_bytes())
    return VirtualEnvironments(root).ready(image) or _installed(root, image)


def _python_of_ray(program: Path) -> Path:
    """Return the interpreter of the environment that a program of Ray's is in."""
    return next(each for folder in program.parents if (each := folder / "bin" / "python3").exists())


def _installed(root: Path, image: images.Image) -> Path:
    """Return the interpreter of an image that this machine gets now, by its own settings, as an agent would."""
    from orris_agent.config import Settings

    settings = Settings()
    return asyncio.run(VirtualEnvironments(root, settings.link_mode, settings.conda).make(image, _tell))


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
