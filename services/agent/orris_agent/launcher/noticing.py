"""Which environment variables an import reads and writes: a run in which they differ must import by itself."""

import os

_read = set()  # type: set[str]
_written = set()  # type: set[str]


class _Noticing(os._Environ):  # type: ignore[type-arg]
    """os.environ while libraries are imported: the same object, of a class that takes notes."""

    def __getitem__(self, key: str) -> str:
        _read.add(key)
        return str(super().__getitem__(key))

    def __contains__(self, key: object) -> bool:
        _read.add(str(key))
        return bool(super().__contains__(key))

    def __setitem__(self, key: str, value: str) -> None:
        _written.add(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        _written.add(key)
        super().__delitem__(key)


def begin() -> None:
    """Take notes from now on."""
    os.environ.__class__ = _Noticing


def end() -> "tuple[set[str], dict[str, str | None]]":
    """Take no more notes; return the names of the variables that were read, and what has become of those written."""
    os.environ.__class__ = os._Environ
    written = {name: os.environ.get(name) for name in _written}
    return _read | _written, written
