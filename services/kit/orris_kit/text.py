"""Text from outside: what every database can keep, checked where the field's name is known."""

from __future__ import annotations

from orris.errors import InvalidArgument


def check_text(field: str, text: str, characters: int, *, reason: str | None = None) -> str:
    """Return a text of at most so many characters, without a NUL. Raises InvalidArgument that names the field."""
    if not is_text(text, characters):
        raise InvalidArgument(f"{field}: at most {characters} characters, and no NUL", field=field, reason=reason)
    return text


def is_text(text: str, characters: int) -> bool:
    """Tell whether a text is at most so long, and can be kept."""
    return len(text) <= characters and can_be_kept(text)


def can_be_kept(text: str) -> bool:
    """Tell whether a text has neither a NUL nor half a surrogate pair, which PostgreSQL refuses."""
    if "\0" in text:
        return False
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


def readable(text: str, characters: int) -> str:
    """Return what a program has said, for people: cut, with a mark for what cannot be kept."""
    text = text[:characters].replace("\0", "\ufffd")
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
