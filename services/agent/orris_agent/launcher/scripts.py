"""The code of a script that comes again: compiled once, where all forks find it."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_LARGEST = 1024 * 1024  # bytes of a script that is kept


class Scripts:
    """The last script. What has never begun anywhere is not compiled here: who knows what that does to a compiler."""

    def __init__(self) -> None:
        self._source = b""
        self._code = None  # type: CodeType | None

    def code_of(self, cwd: str, script: bytes) -> "CodeType | None":
        """Return the code of a script in `cwd` if it is what the last one was."""
        try:
            with open(os.path.join(cwd.encode("utf-8", "surrogateescape"), script), "rb") as file:
                source = file.read(_LARGEST + 1)
            if source != self._source:
                self._source, self._code = source if len(source) <= _LARGEST else b"", None
            elif source and self._code is None:
                self._code = compile(source, os.fsdecode(script), "exec", dont_inherit=True)
        except Exception:
            self._code = None  # its program says why
        return self._code


def renamed(code: "CodeType", path: str) -> "CodeType":
    """Return code as it is when it is compiled from the file `path`."""
    if code.co_filename == path:
        return code
    constants = tuple(renamed(each, path) if isinstance(each, type(code)) else each for each in code.co_consts)
    return code.replace(co_filename=path, co_consts=constants)  # new in Python 3.8; before, paths are as they are given
