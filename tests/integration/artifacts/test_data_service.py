"""DataService as seen on the wire: who may call, what bad requests get, and how lists go on."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from orris.artifacts.v1 import artifacts_service_pb2 as artifacts
from orris.artifacts.v1 import data_pb2 as pb
from orris.artifacts.v1 import data_service_pb2 as rpc
from orris.artifacts.v1.data_service_pb2_grpc import DataServiceStub
from tests.integration.artifacts.conftest import Running, _WithToken
from tests.integration.artifacts.test_contract import LAB, outcome

EMPTY = hashlib.sha256().hexdigest()
STORE, VERSION = f"{LAB}/datastores/s", f"{LAB}/datasets/d/versions/1"
RUN = f"{LAB}/runs/r"
PARQUET = pb.Table(format=pb.Table.FORMAT_PARQUET)


@pytest.fixture
async def stub_of(running: Running) -> Callable[[str], DataServiceStub]:
    """Return what calls the service with a token; an empty tree is stored."""
    artifacts_stub: Any = running.stub()
    await asyncio.to_thread(artifacts_stub.CreateTree, iter([artifacts.CreateTreeRequest(parent=LAB)]))

    def stub(token: str) -> DataServiceStub:
        channel = grpc.insecure_channel(f"127.0.0.1:{running.port}")
        running._channels.append(channel)
        return DataServiceStub(grpc.intercept_channel(channel, _WithToken(token)))

    return stub


def create(stub: Any, dataset: str = "d", **fields: Any) -> Any:
    version = pb.DatasetVersion(tree=f"{LAB}/trees/{EMPTY}", **fields)
    request = rpc.CreateDatasetVersionRequest(parent=LAB, dataset_id=dataset, dataset_version=version)
    return stub.CreateDatasetVersion(request).dataset_version


def calls(stub: Any) -> dict[str, Callable[[], Any]]:
    """In this order, each finds what it needs."""
    tree = f"{LAB}/trees/{EMPTY}"
    return {
        "UpdateDatastore": lambda: stub.UpdateDatastore(rpc.UpdateDatastoreRequest(name=STORE, tree=tree)),
        "GetDatastore": lambda: stub.GetDatastore(rpc.GetDatastoreRequest(name=STORE)),
        "ListDatastores": lambda: stub.ListDatastores(rpc.ListDatastoresRequest(parent=LAB)),
        "CreateDatasetVersion": lambda: create(stub),
        "GetDatasetVersion": lambda: stub.GetDatasetVersion(rpc.GetDatasetVersionRequest(name=VERSION)),
        "ListDatasetVersions": lambda: stub.ListDatasetVersions(rpc.ListDatasetVersionsRequest(parent=LAB)),
        "UpdateDatasetVersion": lambda: stub.UpdateDatasetVersion(rpc.UpdateDatasetVersionRequest(name=VERSION)),
        "DeleteDatasetVersion": lambda: stub.DeleteDatasetVersion(rpc.DeleteDatasetVersionRequest(name=VERSION)),
        "DeleteDatastore": lambda: stub.DeleteDatastore(rpc.DeleteDatastoreRequest(name=STORE)),
    }


WRITES = {"UpdateDatastore", "CreateDatasetVersion"}
CHANGES = {"UpdateDatasetVersion", "DeleteDatasetVersion", "DeleteDatastore"}


async def test_each_role_may_do_what_is_its_business(stub_of: Callable[[str], DataServiceStub]) -> None:
    for name in ("UpdateDatastore", "CreateDatasetVersion"):
        assert await outcome(calls(stub_of("user@lab"))[name]) == "OK"
    refused = {"agent": CHANGES, "reader": WRITES | CHANGES, "user": set[str]()}
    for role in ("run", "reader", "agent", "user"):
        for name, call in calls(stub_of(f"{role}@lab")).items():
            admitted = role in refused and name not in refused[role]
            assert await outcome(call) == ("OK" if admitted else "ROLE_NOT_ADMITTED"), (role, name)


async def test_nobody_enters_another_workspace(stub_of: Callable[[str], DataServiceStub]) -> None:
    for name, call in calls(stub_of("service@other")).items():
        assert await outcome(call) == "OTHER_WORKSPACE", name


async def test_only_agents_say_which_run_made_it(stub_of: Callable[[str], DataServiceStub]) -> None:
    assert (await asyncio.to_thread(create, stub_of("user@lab"), "mine", run=RUN)).run == ""
    assert (await asyncio.to_thread(create, stub_of("agent@lab"), "its", run=RUN)).run == RUN
    assert await outcome(lambda: create(stub_of("agent@lab"), "its", run="workspaces/o/runs/r")) != "OK"


async def test_bad_requests_are_explained(stub_of: Callable[[str], DataServiceStub]) -> None:
    stub: Any = stub_of("user@lab")
    await asyncio.to_thread(create, stub)
    update = rpc.UpdateDatastoreRequest
    get, listed = rpc.GetDatasetVersionRequest, rpc.ListDatasetVersionsRequest
    tree = f"{LAB}/trees/{EMPTY}"
    cases: list[tuple[str, Callable[[], Any]]] = [
        ("INVALID_ARGUMENT", lambda: create(stub, "../d")),
        ("INVALID_ARGUMENT", lambda: create(stub, "")),
        ("INVALID_DATASET", lambda: create(stub, description="x" * 5000)),
        ("INVALID_DATASET", lambda: create(stub, tags={"a": "b\0"})),
        ("INVALID_DATASET", lambda: create(stub, table=pb.Table())),
        ("INVALID_DATASET", lambda: create(stub, partition_format="/nothing")),
        ("INVALID_DATASET", lambda: create(stub, partition_format="/{a}" * 1000)),
        ("INVALID_DATASET", lambda: create(stub, table=PARQUET, partition_format="/{a}")),
        ("TARGET_MISSING", lambda: stub.UpdateDatastore(update(name=STORE, tree=f"{LAB}/trees/{'0' * 64}"))),
        ("OTHER_WORKSPACE", lambda: stub.UpdateDatastore(update(name=STORE, tree=f"workspaces/xx/trees/{EMPTY}"))),
        ("DATASTORE_CHANGED", lambda: stub.UpdateDatastore(update(name=STORE, tree=tree, expected_tree=tree))),
        ("INVALID_ARGUMENT", lambda: stub.GetDatasetVersion(get(name=f"{LAB}/datasets/d/versions/latest"))),
        ("INVALID_ARGUMENT", lambda: stub.GetDatasetVersion(get(name=f"{LAB}/datasets/d/versions/{'9' * 30}"))),
        ("DATASET_NOT_FOUND", lambda: stub.GetDatasetVersion(get(name=f"{LAB}/datasets/e"))),
        ("INVALID_ARGUMENT", lambda: stub.ListDatasetVersions(listed(parent=f"{LAB}/datasets/d", id="x"))),
        ("INVALID_ARGUMENT", lambda: stub.ListDatasetVersions(listed(parent=LAB, page_token="x"))),
    ]
    for reason, call in cases:
        assert await outcome(call) == reason, reason


async def test_lists_go_on_where_the_page_before_ended(stub_of: Callable[[str], DataServiceStub]) -> None:
    stub: Any = stub_of("user@lab")
    tables = [None, pb.Table(format=pb.Table.FORMAT_PARQUET), pb.Table(format=pb.Table.FORMAT_JSON_LINES)]
    for dataset in ("a", "b"):
        for table in tables:
            made = await asyncio.to_thread(create, stub, dataset, table=table)

    def found(**fields: Any) -> list[str]:
        request, names = rpc.ListDatasetVersionsRequest(page_size=1, **fields), list[str]()
        while True:
            answer = stub.ListDatasetVersions(request)
            names += [each.name.removeprefix(f"{LAB}/datasets/") for each in answer.dataset_versions]
            if not answer.next_page_token:
                return names
            request.page_token = answer.next_page_token

    assert await asyncio.to_thread(found, parent=LAB) == ["a/versions/3", "b/versions/3"]
    assert await asyncio.to_thread(found, parent=f"{LAB}/datasets/a") == [
        "a/versions/3",
        "a/versions/2",
        "a/versions/1",
    ]
    assert await asyncio.to_thread(found, parent=LAB, id=made.id) == ["a/versions/3", "b/versions/3"]
