"""Make the suite's passwords, once: files of random text that only the suite's containers can read.

python credentials.py FOLDER
"""

import os
import secrets
import sys
from pathlib import Path

import bcrypt


def main(folder: Path) -> None:
    """Write what is not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    access = keep(folder / "s3-access-key", secrets.token_hex(8))
    secret = keep(folder / "s3-secret-key", secrets.token_urlsafe(30))
    keep(folder / "s3-credentials", f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}")
    postgres = keep(folder / "postgres-password", secrets.token_urlsafe(30))
    registry = keep(folder / "registry-password", secrets.token_urlsafe(30))
    keep(folder / "pgpass", f"*:*:*:orris:{postgres}")
    keep(folder / "registry-htpasswd", "orris:" + bcrypt.hashpw(registry.encode(), bcrypt.gensalt()).decode())


def keep(file: Path, text: str) -> str:
    """Return the file's text, which is `text` where there was no file."""
    if not file.exists():
        temporary = file.with_name(f".{file.name}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as made:
            made.write(text + "\n")
        temporary.replace(file)
    return file.read_text(encoding="utf-8").strip()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
