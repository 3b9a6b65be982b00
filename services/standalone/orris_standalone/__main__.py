"""The process of a standalone instance: `python -m orris_standalone`, which `orris up` starts."""

from __future__ import annotations

import sys

from orris.errors import OrrisError
from orris_kit import lifecycle, logging
from orris_standalone.config import Settings
from orris_standalone.process import run


def main() -> int:
    try:
        settings = Settings()
        logging.setup(settings.log_level, settings.log_style)
        lifecycle.main(lambda: run(settings))
    except OrrisError as problem:
        print(f"orris: {problem.message}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
