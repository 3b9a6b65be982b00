"""Trees as large as they may be: what they need of memory, and where the limits are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orris.digests import digest_of_file
from orris.errors import InvalidArgument
from orris_artifacts.core import Artifacts
from orris_artifacts.limits import MAX_CHUNKS, MAX_TREE_ENTRIES
from orris_artifacts.manifest import Chunk, Entry
from tests.unit.artifacts.test_trees import create, digest_of, listed

MIB = 1024 * 1024
# What `limits.MAX_OPEN_ENTRIES` counts with, and a bit.
ENTRY_BYTES = 650
PAGE = 1000

# In a process of its own: the most memory that a process has had is never less again.
PROGRAM = f"""
import json, sys
from datetime import UTC, datetime
from pathlib import Path
from orris_artifacts.core import Artifacts
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.schema import metadata
from orris_artifacts.store.folder import FolderStore
from orris_kit.database import open_database
import hashlib

def memory(name):
    status = dict(line.split(":", 1) for line in open("/proc/self/status"))
    return int(status[name].split()[0]) * 1024

home, count = Path(sys.argv[1]), int(sys.argv[2])
engine = open_database(f"sqlite:///{{home}}/a.sqlite", "orris_artifacts", metadata)
core = Artifacts(engine, FolderStore(home / "store"), lambda: datetime.now(UTC))
digest = hashlib.sha256(b"x").hexdigest()
core.blobs.put("lab", digest, b"x")
start = memory("VmHWM")
draft = core.trees.draft("lab")
for begin in range(0, count, {PAGE}):
    numbers = range(begin, min(begin + {PAGE}, count))
    draft.add(Entry(f"{{n // 1000:04}}/{{n:07}}.txt", 1, 0o644, digest, (Chunk(digest, 1),)) for n in numbers)
tree = core.trees.create(draft)
draft.close()
del draft
created, before, most = memory("VmHWM") - start, memory("VmRSS"), 0
after, more, seen, pages = "", True, 0, 0
while more:
    entries, more = core.trees.entries(tree, "", after, {PAGE})
    assert all(a.path < b.path for a, b in zip(entries, entries[1:])) and after < entries[0].path
    after, seen, pages = entries[-1].path, seen + len(entries), pages + 1
    if pages % 50 == 0:
        most = max(most, memory("VmRSS") - before)
print(json.dumps([tree.file_count, seen, after, created, most]))
"""


def test_a_tree_of_as_many_files_as_are_allowed_is_created_and_listed_in_bounded_memory(tmp_path: Path) -> None:
    """Creating takes what the limit on open trees counts with; listing takes a page's memory, however many follow."""
    count = MAX_TREE_ENTRIES
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tmp_path, str(count)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    file_count, seen, last, created, listing = json.loads(done.stdout)
    assert file_count == seen == count
    assert last == f"{(count - 1) // 1000:04}/{count - 1:07}.txt"
    assert created <= count * ENTRY_BYTES, f"{created / count:.0f} bytes an entry"
    assert listing <= 32 * MIB, f"{listing / MIB:.0f} MiB"


def file_of(core: Artifacts, chunks: int) -> Entry:
    """Return a file whose chunks are all the same byte."""
    digest = digest_of(b"x")
    core.blobs.put("lab", digest, b"x")
    return Entry("large", chunks, 0o644, digest_of_file([digest] * chunks), (Chunk(digest, 1),) * chunks)


def test_a_file_of_as_many_chunks_as_are_allowed_is_listed_whole(core: Artifacts) -> None:
    entry = file_of(core, MAX_CHUNKS)
    assert list(listed(core, create(core, entry))) == [entry]


def test_a_file_of_one_chunk_more_is_refused(core: Artifacts) -> None:
    with pytest.raises(InvalidArgument, match=f"has {MAX_CHUNKS + 1} chunks; at most {MAX_CHUNKS}") as caught:
        create(core, file_of(core, MAX_CHUNKS + 1))
    assert [each.field for each in caught.value.violations] == ["entries.chunks"]
