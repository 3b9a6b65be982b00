"""The rules of datastores."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from orris.errors import Conflict, FailedPrecondition, NotFound
from orris.names import DatastoreName
from orris_artifacts.core import Artifacts
from orris_artifacts.manifest import Chunk, Entry
from tests.unit.artifacts.conftest import NOW, Clock

STORE = DatastoreName("lab", "workspaceblobstore")


def tree(core: Artifacts, content: bytes) -> str:
    """Store a tree with one file; return its digest."""
    digest = hashlib.sha256(content).hexdigest()
    core.blobs.put("lab", digest, content)
    draft = core.trees.draft("lab")
    draft.add([Entry("data.csv", len(content), 0o644, digest, (Chunk(digest, len(content)),))])
    return core.trees.create(draft).digest


def collect(core: Artifacts) -> None:
    for _ in core.garbage.collect("lab", timedelta(days=1)):
        pass


def test_a_datastore_is_made_by_putting_something_there(core: Artifacts) -> None:
    with pytest.raises(NotFound, match="no datastore"):
        core.datastores.get(STORE)
    made = core.datastores.exchange(STORE, tree(core, b"one"), "")
    assert (made.file_count, made.total_size, made.create_time) == (1, 3, NOW)
    assert core.datastores.get(STORE) == made


def test_only_who_has_seen_the_files_exchanges_them(core: Artifacts) -> None:
    one, two, three = (tree(core, content) for content in (b"one", b"two", b"three"))
    core.datastores.exchange(STORE, one, "")
    with pytest.raises(Conflict) as refused:
        core.datastores.exchange(STORE, two, "")
    assert refused.value.reason == "DATASTORE_CHANGED"
    core.datastores.exchange(STORE, two, one)
    with pytest.raises(Conflict):
        core.datastores.exchange(STORE, three, one)
    assert core.datastores.get(STORE).tree == two


def test_the_same_exchange_again_changes_nothing(core: Artifacts, clock: Clock) -> None:
    """Its answer may have been lost."""
    one = tree(core, b"one")
    made = core.datastores.exchange(STORE, one, "")
    clock.turn(hours=1)
    assert core.datastores.exchange(STORE, one, "") == made


def test_a_tree_that_is_not_stored_changes_nothing(core: Artifacts) -> None:
    with pytest.raises(FailedPrecondition) as refused:
        core.datastores.exchange(STORE, "0" * 64, "")
    assert refused.value.reason == "TARGET_MISSING"
    with pytest.raises(NotFound):
        core.datastores.get(STORE)


def test_the_files_that_are_there_now_are_kept_and_no_others(core: Artifacts, clock: Clock) -> None:
    one, two = tree(core, b"one"), tree(core, b"two")
    core.datastores.exchange(STORE, one, "")
    core.datastores.exchange(STORE, two, one)
    clock.turn(days=2)
    collect(core)
    assert core.trees.get("lab", two).file_count == 1
    with pytest.raises(NotFound):
        core.trees.get("lab", one)


def test_a_deleted_datastore_keeps_nothing(core: Artifacts, clock: Clock) -> None:
    one = tree(core, b"one")
    core.datastores.exchange(STORE, one, "")
    for _ in range(2):
        core.datastores.delete(STORE)
    clock.turn(days=2)
    collect(core)
    with pytest.raises(NotFound):
        core.trees.get("lab", one)


def test_datastores_are_listed_by_name_in_pages(core: Artifacts) -> None:
    one = tree(core, b"one")
    for name in ("b", "a", "c"):
        core.datastores.exchange(DatastoreName("lab", name), one, "")
    core.trees.create(core.trees.draft("other"))
    first, more = core.datastores.page("lab", "", 2)
    assert ([each.datastore for each in first], more) == (["a", "b"], True)
    rest, more = core.datastores.page("lab", "b", 2)
    assert ([each.datastore for each in rest], more) == (["c"], False)
    assert core.datastores.page("other", "", 2) == ([], False)
