"""Commands of packages from PyPI in a conda prefix: uv writes into them where the prefix is made, not where it will be.

In a virtual environment they find their Python beside them (`uv venv --relocatable`); elsewhere uv cannot do that.
"""

import base64
import csv
import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

_SIZE_LIMIT = 64 * 1024


def readdress(prefix: Path, destination: Path) -> None:
    """Let the commands in `prefix` name `destination`, in the lists of their packages' files as well."""
    written = {file.name: content for file in sorted((prefix / "bin").iterdir()) if (content := _script(file, prefix))}
    for name, content in written.items():
        content = content.replace(bytes(prefix), bytes(destination))
        _replace(prefix / "bin" / name, content)
        written[name] = content
    if written:
        for record in prefix.glob("lib/python*/site-packages/*.dist-info/RECORD"):
            _note(record, written)


def _script(file: Path, prefix: Path) -> bytes | None:
    """Return the script in a file that names the prefix, None where there is none."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > _SIZE_LIMIT:
        return None
    content = file.read_bytes()
    return content if content.startswith(b"#!") and bytes(prefix) in content else None


def _note(record: Path, written: Mapping[str, bytes]) -> None:
    """Note the new hashes and sizes in the list of a package's files (PEP 376), if any is among them."""
    rows = list(csv.reader(io.StringIO(record.read_text(encoding="utf-8"))))
    changed = False
    for row in rows:
        folder, _, name = row[0].rpartition("/") if row else ("", "", "")
        if folder.endswith("../bin") and name in written:
            digest = base64.urlsafe_b64encode(hashlib.sha256(written[name]).digest()).decode().rstrip("=")
            row[1:] = [f"sha256={digest}", str(len(written[name]))]
            changed = True
    if changed:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(rows)
        _replace(record, text.getvalue().encode())


def _replace(file: Path, content: bytes) -> None:
    """Write a file anew: its old content may be a link's, shared with a cache."""
    mode = file.stat().st_mode
    file.unlink()
    file.write_bytes(content)
    file.chmod(mode)
