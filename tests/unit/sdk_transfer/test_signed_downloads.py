"""How to read blobs directly is asked for in groups, shortly before."""

from __future__ import annotations

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.sdk.signed_downloads import GROUP, SignedDownloads
from tests.fakes.blob_source import BlobSource, sha256

NOW = 1_000_000.0


class World:
    def __init__(self, life: int) -> None:
        self.now = NOW
        self.life = life
        self.source = BlobSource()
        self.digests = [sha256(b"%d" % number) for number in range(2 * GROUP + 10)]
        self.signed = SignedDownloads(self.source.stub, "workspaces/lab", lambda seconds: None, lambda: self.now)
        self.signed.expect(self.digests)
        self.sign()

    def sign(self) -> None:
        for digest in self.digests:
            request = pb.SignedRequest(url=f"http://storage/{digest}")
            request.expire_time.FromSeconds(int(self.now) + self.life)
            self.source.signed[digest] = request

    def give(self) -> None:
        given = ((digest, self.source.signed[digest]) for digest in self.digests[:GROUP])
        self.signed.give([pb.DirectDownload(digest=digest, request=request) for digest, request in given])

    def ask(self, number: int) -> str:
        request = self.signed.request(self.digests[number])
        return request.url if request else ""


def test_a_group_is_asked_for_with_its_first_blob() -> None:
    world = World(life=900)
    for number, digest in enumerate(world.digests):
        assert world.ask(number) == f"http://storage/{digest}"
        assert len(world.source.prepared) == number // GROUP + 1
    assert [len(each) for each in world.source.prepared] == [GROUP, GROUP, 10]


def test_a_request_that_has_run_out_is_replaced_with_those_that_are_left() -> None:
    world = World(life=900)
    world.ask(0)
    world.now += 895
    world.sign()
    assert world.ask(1)
    assert world.source.prepared[1] == world.digests[1:GROUP]
    assert world.ask(2)
    assert len(world.source.prepared) == 2


def test_a_request_serves_once() -> None:
    world = World(life=900)
    assert world.ask(0)
    assert not world.ask(0)
    assert len(world.source.prepared) == 1


def test_blobs_that_cannot_be_read_directly_are_not_asked_for_again() -> None:
    world = World(life=900)
    del world.source.signed[world.digests[1]]
    assert [bool(world.ask(number)) for number in range(3)] == [True, False, True]
    assert len(world.source.prepared) == 1


def test_a_storage_that_offers_nothing_is_asked_once() -> None:
    world = World(life=900)
    world.source.signed.clear()
    assert not any(world.ask(number) for number in range(len(world.digests)))
    assert len(world.source.prepared) == 1


def test_what_came_with_the_list_is_not_asked_for() -> None:
    world = World(life=900)
    world.give()
    for number, digest in enumerate(world.digests[:GROUP]):
        assert world.ask(number) == f"http://storage/{digest}"
    assert not world.source.prepared
    assert world.ask(GROUP)
    assert world.source.prepared == [world.digests[GROUP : 2 * GROUP]]


def test_what_came_with_the_list_too_long_ago_is_asked_for_once_more() -> None:
    world = World(life=900)
    world.give()
    world.now += 895
    world.sign()
    assert all(world.ask(number) for number in range(GROUP))
    assert world.source.prepared == [world.digests[:GROUP]]
