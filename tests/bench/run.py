"""Measure what the README claims: `make bench`, or `python tests/bench/run.py [--only SUBJECT]`.

Everything is measured side by side with its reference in the same run, in turns; medians are shown. The table goes to
the screen, its rows to `build/bench.json`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUBJECTS = (
    "startup",
    "artifacts",
    "environments",
    "images",
    "runs",
    "submitting",
    "scheduling",
    "sweeps",
    "ray_tune",
    "ray_jobs",
    "endpoints",
    "inference_v2",
)
FILE = ROOT / "build" / "bench.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=SUBJECTS, action="append", help="measure this; may be repeated")
    subjects = parser.parse_args().only or SUBJECTS
    _prepare()
    from tests.bench.rows import Row, table

    _say(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the beginning")
    rows: list[Row] = []
    for subject in subjects:
        begin = time.monotonic()
        _say(f"{subject} ...")
        for row in importlib.import_module(f"tests.bench.{subject}").rows():
            rows.append(row)
            _say(f"  {table([row]).splitlines()[-1]}")
        _say(f"{subject} took {time.monotonic() - begin:.0f} s")
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps([row.as_dict() for row in rows], indent=2) + "\n")
    print(table(rows))
    return 0 if all(row.met is not False for row in rows) else 1


def _prepare() -> None:
    """See what a user has: bytecode is kept, and no other instance or setting of Orris is in the way."""
    sys.path.insert(0, str(ROOT))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    for name in [name for name in os.environ if name.startswith("ORRIS_")]:
        del os.environ[name]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
