"""Begin a worker of a run that is spread: `python -m orris_agent.worker ENVIRONMENTS WORDS...`.

Ray starts it on a machine of its choice, in the run's snapshot. It becomes `WORDS...` in the run's environment, which
is installed first where the machine does not have it yet.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from orris.images.v1 import images_pb2 as images
from orris_agent.runtimes.process.environments import VirtualEnvironments
from orris_agent.spreading import IMAGE_FILE


def main() -> None:
    environments, *words = sys.argv[1:]
    image = images.Image.FromString(Path(IMAGE_FILE).read_bytes())
    python = asyncio.run(VirtualEnvironments(Path(environments)).make(image, _tell))
    os.execv(python, [str(python), *words])  # noqa: S606  # no shell is meant


def _tell(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
