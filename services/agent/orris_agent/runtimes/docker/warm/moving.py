"""How a run gets into a container that is there already: by the folders that it has mounted.

A mount is of a folder itself, not of its name. So what the run has is moved into the folders of the container, and
these take the place of its own. All names are in folders of the agent's, where no container can put anything else.
"""

from __future__ import annotations

from pathlib import Path

from orris_agent.folder import RunFolder


def move_in(run: RunFolder, waiting: RunFolder) -> None:
    """Make the two folders of a waiting container those of a run, with what is in them. Raises OSError.

    Then each is as it was, or the run's: it can be put into another container.
    """
    for own, other in ((run.own, waiting.own), (run.control, waiting.control)):
        _take_place(own, other)


def _take_place(own: Path, other: Path) -> None:
    moved: list[tuple[Path, Path]] = []
    try:
        for source in list(own.iterdir()):
            source.rename(other / source.name)
            moved.append((source, other / source.name))
        other.rename(own)  # atomic, as the one that it replaces is empty
    except OSError:
        for source, target in reversed(moved):
            target.rename(source)
        raise
