"""The code of a script that comes again: compiled once, where all forks find it."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_LARGEST = 1024 * 1024  # bytes of a script that is kept


class Scripts:
    """The last script. What has never begun anywhere is not compiled here: who knows what that does to a compiler."""

    def __init__(self) -> None:
        self._last = (b"", b"")  # its path and what is in it
        self._code = None  # type: CodeType | None

    def code_of(self, cwd: str, argv: "list[bytes]") -> "CodeType | None":
        """Return the code of the script that a command line in `cwd` names, if it is what the last one was."""
        try:
            with open(os.path.join(os.fsencode(cwd), argv[1]), "rb") as file:
                this = argv[1], file.read(_LARGEST + 1)
            if this != self._last or len(this[1]) > _LARGEST:
                self._last, self._code = this, None
            elif self._code is None:
                self._code = compile(this[1], os.fsdecode(argv[1]), "exec", dont_inherit=True)
        except Exception:
            self._code = None  # its program says why
        return self._code


def renamed(code: "CodeType", path: str) -> "CodeType":
    """Return code as it is when it is compiled from the file `path`."""
    if code.co_filename == path:
        return code
    constants = tuple(renamed(each, path) if isinstance(each, type(code)) else each for each in code.co_consts)
    return code.replace(co_filename=path, co_consts=constants)  # new in Python 3.8; before, paths are as they are given
