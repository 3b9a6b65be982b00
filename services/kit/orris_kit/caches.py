"""Where the programs that Orris calls keep what they have fetched: folders of a machine that only Orris uses."""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environ: Mapping[str, str], program: str) -> Path:
    """Return Orris's own cache of `program`: a run that writes to a hard link of its environment reaches no other."""
    caches = environ.get("XDG_CACHE_HOME", "")
    home = Path(environ.get("HOME") or Path.home())
    return (Path(caches) if os.path.isabs(caches) else home / ".cache") / "orris" / program
