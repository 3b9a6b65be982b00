"""Who races with the collection of garbage: stories of people, told at random, and what they may count on."""

from __future__ import annotations

import hashlib
import random
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta

from orris.errors import Conflict, OrrisError
from orris_artifacts.core import Artifacts
from orris_artifacts.manifest import Chunk, Entry

BEGIN = datetime(2026, 7, 1, 12, tzinfo=UTC)
# Few different files, so that they are stored, collected and stored again, and are shared by many trees.
FILES = 40
JUMPS = tuple(timedelta(minutes=each) for each in (1, 4, 11, 30, 70, 200))
SHORTEST = timedelta(minutes=10)
# What somebody may be told whose blobs were collected while time jumped: to begin again.
BEGIN_AGAIN = frozenset({"BLOBS_MISSING", "TARGET_MISSING", "UPLOAD_TOO_OLD", "UNKNOWN_UPLOAD"})


class Time:
    """A clock that jumps, but not while somebody relies on it."""

    def __init__(self) -> None:
        self._now = BEGIN
        self._relying = 0
        self._jumping = False
        self._changed = threading.Condition()

    def __call__(self) -> datetime:
        return self._now

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Let time stand still."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jumping)
            self._relying += 1
        try:
            yield
        finally:
            with self._changed:
                self._relying -= 1
                self._changed.notify_all()

    def jump(self, by: timedelta) -> None:
        """Jump when nobody relies on the time."""
        with self._changed:
            self._jumping = True
            self._changed.wait_for(lambda: not self._relying)
            self._now += by
            self._jumping = False
            self._changed.notify_all()


def data_of(number: int) -> bytes:
    """Return the content of a file: some are large, most are small."""
    size = 40_000 if number % 10 == 0 else 5 + number * 37
    return random.Random(number).randbytes(size)


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


CONTENTS = {number: data_of(number) for number in range(FILES)}
DIGESTS = {number: digest_of(data) for number, data in CONTENTS.items()}


class Person:
    """Stores files and refers to them, reads and drops them, over one service or another."""

    def __init__(self, name: int, services: Sequence[Artifacts], time: Time, dice: random.Random) -> None:
        self._name = name
        self._services = services
        self._time = time
        self._dice = dice
        self._next = 0
        self._hurries = False
        self.owned: dict[str, list[int]] = {}

    def live(self, stories: int) -> None:
        """Tell so many stories."""
        tales = {"submit": 4, "hurry": 2, "read": 5, "drop": 4, "loose": 2}
        for _ in range(stories):
            (tale,) = self._dice.choices(list(tales), list(tales.values()))
            getattr(self, tale)()

    def submit(self) -> None:
        """Store some files and refer to them; what was promised in between holds, as time does not pass."""
        with self._time.standing():
            self._store()

    def hurry(self) -> None:
        """Do the same while time jumps: begin again when told so, give up at last."""
        self._hurries = True
        for _ in range(3):
            try:
                self._store()
                break
            except OrrisError as error:
                if error.reason not in BEGIN_AGAIN:
                    raise
        self._hurries = False

    def read(self) -> None:
        """Read what is referred to: it is there, and right."""
        for owner in self._dice.sample(list(self.owned), min(2, len(self.owned))):
            self.check(owner)

    def drop(self) -> None:
        """Need something no longer."""
        if self.owned:
            owner = self._dice.choice(list(self.owned))
            del self.owned[owner]
            self._service().references.delete("lab", owner)

    def loose(self) -> None:
        """Store a file that nobody refers to; it is there, for a while."""
        number = self._dice.randrange(FILES)
        with self._time.standing():
            self._service().blobs.put("lab", DIGESTS[number], CONTENTS[number])
            assert b"".join(self._service().blobs.read("lab", DIGESTS[number])) == CONTENTS[number]

    def check(self, owner: str) -> None:
        """Check that what an owner needs is there and right."""
        numbers = self.owned[owner]
        if self._dice.random() < 0.5:
            read = self._service().blobs.read_many("lab", [DIGESTS[each] for each in numbers])
        else:
            read = [b"".join(self._service().blobs.read("lab", DIGESTS[each])) for each in numbers]
        assert read == [CONTENTS[each] for each in numbers], f"what {owner} needs is not right"

    def _meanwhile(self) -> None:
        """Let things happen between two calls."""
        if self._hurries and self._dice.random() < 0.4:
            self._time.jump(self._dice.choice(JUMPS))
            with suppress(Conflict):
                for _ in self._service().garbage.collect("lab", SHORTEST):
                    pass

    def _service(self) -> Artifacts:
        return self._dice.choice(self._services)

    def _store(self) -> None:
        numbers = sorted(self._dice.sample(range(FILES), self._dice.randint(1, 6)))
        missing = set(self._service().blobs.missing("lab", [DIGESTS[each] for each in numbers]))
        self._meanwhile()
        self._send([each for each in numbers if DIGESTS[each] in missing])
        self._meanwhile()
        tree = self._create(numbers)
        self._meanwhile()
        owner = f"workspaces/lab/runs/{self._name}-{self._next}"
        self._next += 1
        self._service().references.set("lab", owner, [tree], [])
        self.owned[owner] = numbers

    def _send(self, numbers: Sequence[int]) -> None:
        direct = self._service().direct
        prepared = direct.prepare_uploads("lab", [(DIGESTS[each], len(CONTENTS[each])) for each in numbers])
        contents = {DIGESTS[each]: CONTENTS[each] for each in numbers}
        if prepared and self._dice.random() < 0.5:
            for upload, request in prepared:
                data = contents.pop(upload.digest)
                put = urllib.request.Request(request.url, data, dict(request.headers), method="PUT")
                urllib.request.urlopen(put, timeout=30).close()
            direct.complete_uploads("lab", [upload for upload, _ in prepared])
        if self._dice.random() < 0.7:
            self._service().blobs.put_many("lab", list(contents.items()))
        for digest, data in contents.items():
            with closing(self._service().blobs.receive("lab", digest, len(data))) as incoming:
                incoming.write(data)
                incoming.commit()

    def _create(self, numbers: Sequence[int]) -> str:
        entries = []
        for each in numbers:
            chunk = Chunk(DIGESTS[each], len(CONTENTS[each]))
            entries.append(Entry(f"{each}.bin", chunk.size, 0o644, chunk.digest, (chunk,)))
        trees = self._service().trees
        with closing(trees.draft("lab")) as draft:
            draft.add(entries)
            return f"workspaces/lab/trees/{trees.create(draft).digest}"
