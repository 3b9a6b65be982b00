"""Between the messages of the contract and the domain."""

from __future__ import annotations

import hashlib

from orris.digests import digest_of_file
from orris_artifacts.manifest import Chunk, Entry
from orris_artifacts.translation import entry_from, entry_message

ONE, TWO = (hashlib.sha256(data).hexdigest() for data in (b"one", b"two"))


def test_an_entry_comes_back_as_it_was() -> None:
    entry = Entry("a/b", 6, 0o755, digest_of_file([ONE, TWO]), (Chunk(ONE, 3), Chunk(TWO, 3)))
    assert entry_from(entry_message(entry)) == entry


def test_a_file_of_an_earlier_version_gets_the_digest_that_the_contract_asks_for() -> None:
    old = Entry("a", 6, 0o644, hashlib.sha256(b"onetwo").hexdigest(), (Chunk(ONE, 3), Chunk(TWO, 3)))
    assert entry_message(old).digest == digest_of_file([ONE, TWO])
