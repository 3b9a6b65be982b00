"""What a fork is to become, and what it tells of that."""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_LONGEST = 3000  # bytes: what is told at once arrives in one piece (pipe(7))


class Order:
    """A program with arguments and variables, as bytes, in the folder of a run.

    `learn`: the file that is to tell what it has imported; empty for none. `tell`: where its supervisor hears of it.
    """

    def __init__(
        self, tell: int, folder: str, cwd: str, argv: "list[bytes]", env: "dict[bytes, bytes]", learn: str
    ) -> None:
        self._tell = tell
        self.folder, self.cwd, self.argv, self.env, self.learn = folder, cwd, argv, env, learn
        self.code: "CodeType | None" = None  # of the script, where that is known already

    def begun(self) -> None:
        """Tell that the program begins."""
        os.write(self._tell, b"begun %d\n" % os.getpid())
        os.close(self._tell)

    def failed(self, error: Exception) -> None:
        """Tell why the program cannot begin, and end the fork."""
        try:
            os.write(self._tell, b"failed " + str(error).encode("unicode_escape")[:_LONGEST] + b"\n")
        finally:
            os._exit(127)
