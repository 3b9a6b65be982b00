"""How uv puts the files of its cache into an environment: cloned where the file system can, else copied."""

import fcntl
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

LinkMode = Literal["safe", "clone", "copy", "hardlink"]

_FICLONE = 0x40049409  # ioctl_ficlone(2)


def chosen(mode: LinkMode, environments: Path, environ: Mapping[str, str]) -> str:
    """Return uv's name of the link mode: "safe" is clone where files of uv's cache can be cloned, else copy."""
    if mode != "safe":
        return mode
    return "clone" if _can_clone(_cache(environ), environments) else "copy"


def _cache(environ: Mapping[str, str]) -> Path:
    home = Path(environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/")) / ".cache")
    return Path(environ.get("UV_CACHE_DIR") or home / "uv")


def _can_clone(source: Path, target: Path) -> bool:
    """Tell whether files of `source` can be cloned into `target`: uv does not say, it falls back to hard links."""
    name = f".clone-{uuid.uuid4().hex[:8]}"
    try:
        with (source / name).open("w+b") as old, (target / name).open("w+b") as new:
            old.write(b"orris")
            old.flush()
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
    except OSError:
        return False
    else:
        return True
    finally:
        (source / name).unlink(missing_ok=True)
        (target / name).unlink(missing_ok=True)
