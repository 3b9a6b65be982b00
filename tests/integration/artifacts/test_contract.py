"""The contract as seen on the wire: who may call, and what bad requests get."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.errors import OrrisError, from_rpc_error
from orris_artifacts import receiving, servicer
from orris_artifacts.servicer import MAX_TRANSFERS
from tests.integration.artifacts.conftest import Running

LAB = "workspaces/lab"
A = hashlib.sha256(b"a").hexdigest()
EMPTY_TREE = f"{LAB}/trees/{hashlib.sha256().hexdigest()}"


async def outcome(call: Callable[[], Any]) -> str:
    """Return the reason of the error that a call ends with, "OK" without one."""

    def run() -> str:
        try:
            answer = call()
            if not hasattr(answer, "DESCRIPTOR"):
                list(answer)
        except grpc.RpcError as error:
            translated: OrrisError = from_rpc_error(error)
            return translated.reason
        return "OK"

    return await asyncio.to_thread(run)


def calls(stub: Any, parent: str = LAB) -> dict[str, Callable[[], Any]]:
    tree = EMPTY_TREE.replace(LAB, parent)
    reference = pb.Reference(owner=f"{parent}/runs/r", trees=[tree])
    item = rpc.BatchUploadBlobsRequest.Item(digest=A, data=b"a")
    return {
        "BatchUploadBlobs": lambda: stub.BatchUploadBlobs(rpc.BatchUploadBlobsRequest(parent=parent, items=[item])),
        "UploadBlob": lambda: stub.UploadBlob(
            iter([rpc.UploadBlobRequest(parent=parent, digest=A, size=1, data=b"a")])
        ),
        "PrepareUploads": lambda: stub.PrepareUploads(
            rpc.PrepareUploadsRequest(parent=parent, blobs=[pb.Chunk(digest=A, size=1)])
        ),
        "CompleteUploads": lambda: stub.CompleteUploads(rpc.CompleteUploadsRequest(parent=parent)),
        "PrepareDownloads": lambda: stub.PrepareDownloads(rpc.PrepareDownloadsRequest(parent=parent, digests=[A])),
        "GetStorage": lambda: stub.GetStorage(rpc.GetStorageRequest(name=f"{parent}/storage")),
        "CollectGarbage": lambda: stub.CollectGarbage(rpc.CollectGarbageRequest(parent=parent)),
        "CreateTree": lambda: stub.CreateTree(iter([rpc.CreateTreeRequest(parent=parent)])),
        "FindMissingBlobs": lambda: stub.FindMissingBlobs(rpc.FindMissingBlobsRequest(parent=parent, digests=[A])),
        "BatchReadBlobs": lambda: stub.BatchReadBlobs(rpc.BatchReadBlobsRequest(parent=parent, digests=[A])),
        "DownloadBlob": lambda: stub.DownloadBlob(rpc.DownloadBlobRequest(name=f"{parent}/blobs/{A}")),
        "GetTree": lambda: stub.GetTree(rpc.GetTreeRequest(name=tree)),
        "ListTreeEntries": lambda: stub.ListTreeEntries(rpc.ListTreeEntriesRequest(parent=tree)),
        "SetReference": lambda: stub.SetReference(rpc.SetReferenceRequest(parent=parent, reference=reference)),
        "SetReferences": lambda: stub.SetReferences(rpc.SetReferencesRequest(parent=parent, references=[reference])),
        "KeepFiles": lambda: stub.KeepFiles(rpc.KeepFilesRequest(parent=parent, reference=reference)),
        "DeleteReference": lambda: stub.DeleteReference(
            rpc.DeleteReferenceRequest(parent=parent, owner=f"{parent}/runs/r")
        ),
    }


WRITES = {"BatchUploadBlobs", "UploadBlob", "PrepareUploads", "CompleteUploads", "CreateTree"}
COLLECTS = {"CollectGarbage"}
REFERS = {"SetReference", "SetReferences", "KeepFiles", "DeleteReference"}


async def test_each_role_may_do_what_is_its_business(running: Running) -> None:
    refused = {
        "service": set[str](),
        "user": REFERS,
        "agent": REFERS | COLLECTS,
        "reader": REFERS | WRITES | COLLECTS,
    }
    for role in ("service", "user", "agent", "reader", "run"):
        for name, call in calls(running.stub(f"{role}@lab")).items():
            admitted = role in refused and name not in refused[role]
            assert await outcome(call) == ("OK" if admitted else "ROLE_NOT_ADMITTED"), (role, name)


async def test_nobody_enters_another_workspace(running: Running) -> None:
    for name, call in calls(running.stub("service@other")).items():
        assert await outcome(call) == "OTHER_WORKSPACE", name


async def test_without_a_workspace_nothing_is_done(running: Running) -> None:
    for parent in ("", "lab", "workspaces/", "workspaces/../x", "workspaces/a/b"):
        for name, call in calls(running.stub("service@-"), parent).items():
            assert await outcome(call) == "INVALID_ARGUMENT", (name, parent)


def upload(stub: Any, *messages: rpc.UploadBlobRequest) -> Callable[[], Any]:
    return lambda: stub.UploadBlob(iter(messages))


async def test_an_upload_that_is_not_what_it_announced_stores_nothing(running: Running) -> None:
    stub = running.stub()
    first = rpc.UploadBlobRequest(parent=LAB, digest=A, size=1)
    cases = {
        "SIZE_MISMATCH": [first],
        "DIGEST_MISMATCH": [first, rpc.UploadBlobRequest(data=b"b")],
        "INVALID_DIGEST": [
            rpc.UploadBlobRequest(parent=LAB, digest="../../x", size=1),
            rpc.UploadBlobRequest(data=b"a"),
        ],
        "BLOB_TOO_LARGE": [rpc.UploadBlobRequest(parent=LAB, digest=A, size=16 * 1024 * 1024 + 1)],
        "INVALID_ARGUMENT": [],
    }
    for reason, messages in cases.items():
        assert await outcome(upload(stub, *messages)) == reason
    more = [first, rpc.UploadBlobRequest(data=b"a"), rpc.UploadBlobRequest(data=b"a")]
    assert await outcome(upload(stub, *more)) == "SIZE_MISMATCH"
    negative = rpc.UploadBlobRequest(parent=LAB, digest=A, size=-1)
    assert await outcome(upload(stub, negative)) == "BLOB_TOO_LARGE"
    assert not list(running.blobs.glob("lab/*/*"))
    assert list((running.blobs / ".incoming").iterdir()) == []


@pytest.mark.parametrize("said", [[], [rpc.UploadBlobRequest(parent=LAB, digest=A, size=1)]], ids=["nothing", "little"])
async def test_who_says_nothing_more_holds_up_no_other_uploads(
    running: Running, said: list[rpc.UploadBlobRequest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "MESSAGE_SECONDS", 60.0 if not said else 0.5)
    stub, left = running.stub(), threading.Event()

    def stalling() -> Iterator[rpc.UploadBlobRequest]:
        yield from said
        left.wait()

    silent = [stub.UploadBlob.future(stalling()) for _ in range(MAX_TRANSFERS)]
    try:
        message = rpc.UploadBlobRequest(parent=LAB, digest=A, size=1, data=b"a")
        assert await outcome(lambda: stub.UploadBlob(iter([message]), timeout=30)) == "OK"
    finally:
        left.set()
        for call in silent:
            call.cancel()


async def test_who_reads_nothing_holds_up_no_other_downloads(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servicer, "DOWNLOAD_SECONDS", 1.0)
    data = os.urandom(16 * 1024 * 1024)
    await asyncio.to_thread(running.transfer().upload_bytes, {"f": data})
    request = rpc.DownloadBlobRequest(name=f"{LAB}/blobs/{hashlib.sha256(data).hexdigest()}")
    silent = [running.stub().DownloadBlob(request) for _ in range(MAX_TRANSFERS)]
    try:
        for each in silent:
            await asyncio.to_thread(next, each)
        read = running.stub().DownloadBlob(request, timeout=30)
        assert b"".join([message.data for message in await asyncio.to_thread(list, read)]) == data
        # The first made room for it; others may have begun so late that they can still be read to their end.
        assert await outcome(lambda: silent[0]) == "DEADLINE_EXCEEDED"
    finally:
        for each in silent:
            each.cancel()


async def test_a_page_token_of_another_listing_is_refused(running: Running) -> None:
    transfer, stub = running.transfer(), running.stub()
    tree = await asyncio.to_thread(transfer.upload_bytes, {"a/1": b"", "a/2": b"", "b": b""})
    first = await asyncio.to_thread(
        stub.ListTreeEntries, rpc.ListTreeEntriesRequest(parent=tree.name, path="a", page_size=1)
    )
    assert [entry.path for entry in first.entries] == ["a/1"]
    token = first.next_page_token
    for request in (
        rpc.ListTreeEntriesRequest(parent=tree.name, page_token=token),
        rpc.ListTreeEntriesRequest(parent=tree.name, path="a", page_token=token[:-3]),
        rpc.ListTreeEntriesRequest(parent=tree.name, path="a", page_size=-1),
    ):
        assert await outcome(partial(stub.ListTreeEntries, request)) == "INVALID_ARGUMENT"
    second = await asyncio.to_thread(
        stub.ListTreeEntries, rpc.ListTreeEntriesRequest(parent=tree.name, path="a", page_token=token)
    )
    assert [entry.path for entry in second.entries] == ["a/2"]


async def test_a_range_travels_in_messages_of_at_most_1_mib(running: Running) -> None:
    data = bytes(range(256)) * 4096 * 3
    digest = hashlib.sha256(data).hexdigest()
    await asyncio.to_thread(running.transfer().upload_bytes, {"f": data})
    request = rpc.DownloadBlobRequest(name=f"{LAB}/blobs/{digest}", offset=5, length=2 * 1024 * 1024)
    messages = await asyncio.to_thread(lambda: [each.data for each in running.stub().DownloadBlob(request)])
    assert max(map(len, messages)) <= 1024 * 1024
    assert b"".join(messages) == data[5 : 5 + 2 * 1024 * 1024]


async def test_trees_and_blobs_are_there_after_a_restart(running: Running, tmp_path: Path) -> None:
    tree = await asyncio.to_thread(running.transfer().upload_bytes, {"f": b"kept"})
    from contextlib import AsyncExitStack

    from orris_artifacts.service import open_service
    from orris_kit.server import Server
    from tests.integration.artifacts.conftest import Tokens

    again = Running(running.settings.home)
    async with AsyncExitStack() as stack:
        server = Server(authenticator=Tokens())
        for add, servicer in await open_service(again.settings, stack):
            server.add(add, servicer)
        again.port = await server.start()
        stack.push_async_callback(server.stop, 0)
        stack.callback(again.close)
        assert await asyncio.to_thread(again.transfer().read, tree.name, "f") == b"kept"
