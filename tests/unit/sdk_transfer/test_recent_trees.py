"""A tree that was told of is believed to be there for a minute, and no longer."""

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.recent_trees import MOST, SECONDS, RecentTrees


def test_a_tree_is_believed_for_a_minute() -> None:
    now = 1000.0
    recent = RecentTrees(lambda: now)
    tree = pb.Tree(name="workspaces/lab/trees/1", file_count=3)
    recent.keep(tree)
    now += SECONDS - 1
    assert recent.find(tree.name) == tree
    assert recent.find("workspaces/other/trees/1") is None
    now += 1
    assert recent.find(tree.name) is None
    recent.keep(tree)
    assert recent.find(tree.name) == tree


def test_only_the_latest_are_remembered() -> None:
    recent = RecentTrees()
    for number in (0, *range(1, MOST), 0, MOST):
        recent.keep(pb.Tree(name=str(number)))
    assert len(recent) == MOST
    assert recent.find("1") is None
    assert recent.find("0") is not None
