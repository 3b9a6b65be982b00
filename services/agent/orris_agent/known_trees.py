"""The files of trees that were asked for lately: what a tree has, it has for ever, and runs often have one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orris.artifacts.v1 import artifacts_pb2 as pb

Files = Mapping[str, pb.TreeEntry]


class KnownTrees:
    """Remembers the files of so many trees, of those that do not have too many. May be used from several threads."""

    def __init__(self, trees: int = 16, files: int = 2000) -> None:
        self._trees = trees
        self._most_files = files
        self._known: dict[str, Files] = {}

    def known(self, tree: str) -> Files | None:
        """Return the files of a tree by their paths, None where it was not asked for lately."""
        return self._known.get(tree)

    def files(self, tree: str, ask: Callable[[], Files]) -> Files:
        """Return the files of a tree by their paths."""
        if (known := self.known(tree)) is not None:
            return known
        found = ask()
        if len(found) <= self._most_files:
            self._known[tree] = found
            for oldest in list(self._known)[: -self._trees]:
                self._known.pop(oldest, None)
        return found
