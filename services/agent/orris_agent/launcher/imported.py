"""What forks of a launcher have from it."""

import sys


class Imported:
    """What the imports have left in this process, and so in every fork of it."""

    def __init__(self, modules: "set[str]", descriptors: "set[int]", written: "dict[str, str | None]") -> None:
        self.modules = modules
        self.last = [name for name in sys.modules if name in modules][:-3:-1]  # imported; the very last is the first
        self.own = set()  # type: set[str]  # modules that only the launcher needs
        self.descriptors = descriptors
        self.written = written  # environment variables
