"""Endpoints over databases of each kind, many calls at a time: generations that count up, logs without holes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from orris.errors import AlreadyExists, InvalidArgument
from orris.names import EndpointName
from orris_inference.core import Endpoints
from orris_inference.model import Deployment, Endpoint, Phase, State, Wish
from orris_inference.schema import metadata
from orris_kit.database import open_database
from tests.servers.databases import NewDatabase
from tests.unit.threads import AT_ONCE, at_once, same

WISH = Wish(model_version="workspaces/lab/models/iris/versions/1")


@pytest.fixture
def endpoints(new_database: NewDatabase) -> Iterator[Endpoints]:
    engine = open_database(new_database("orris_inference", metadata), "orris_inference", metadata)
    yield Endpoints(engine, lambda: datetime(2026, 7, 1, tzinfo=UTC))
    engine.dispose()


def deploy(endpoints: Endpoints, request_id: str = "", *, overwrite: bool = True) -> Endpoint:
    return endpoints.create("lab", "iris", WISH, overwrite=overwrite, request_id=request_id, by="ada")[0]


def log(endpoints: Endpoints, endpoint: Endpoint) -> bytes:
    told = b""
    while piece := endpoints.log.read(endpoint.uid, len(told))[1]:
        told += piece
    return told


def test_one_of_many_makes_an_endpoint(endpoints: Endpoints) -> None:
    def made() -> bool:
        try:
            deploy(endpoints, overwrite=False)
        except AlreadyExists:
            return False
        return True

    assert sorted(same(made)) == [False] * (AT_ONCE - 1) + [True]


def test_deployments_of_one_endpoint_count_up_and_the_last_is_wanted(endpoints: Endpoints) -> None:
    assert sorted(each.generation for each in same(deploy, endpoints)) == list(range(1, AT_ONCE + 1))
    phases = [each.phase for each in endpoints.deployments.all()]
    assert phases == [Phase.RETIRED] * (AT_ONCE - 1) + [Phase.WANTED]


def test_the_same_request_is_one_deployment(endpoints: Endpoints) -> None:
    assert {each.generation for each in same(deploy, endpoints, "request")} == {1}


def test_what_is_noted_of_one_endpoint_is_all_in_its_log(endpoints: Endpoints) -> None:
    endpoint = deploy(endpoints)
    (deployment,) = endpoints.deployments.all()
    at_once([partial(endpoints.deployments.note, deployment.uid, f"note {number}.") for number in range(20)])
    told = log(endpoints, endpoint)
    assert all(f"note {number}.".encode() in told for number in range(20))


def test_a_piece_of_a_log_that_is_sent_again_meanwhile_is_there_once(endpoints: Endpoints) -> None:
    endpoint = deploy(endpoints)
    (deployment,) = endpoints.deployments.all()
    assert same(endpoints.deployments.copy_log, deployment.uid, 0, b"loading\n") == [8] * AT_ONCE
    assert log(endpoints, endpoint).count(b"loading") == 1


def test_what_was_deleted_meanwhile_leaves_nothing_that_answers(endpoints: Endpoints) -> None:
    def come_up(deployment: Deployment) -> None:
        endpoints.deployments.ready(deployment.uid, "onnx", ["predict"])
        endpoints.deployments.set_state(deployment.uid, State.UNHEALTHY, "nul: \0")

    for _ in range(5):
        deploy(endpoints)
        newest = endpoints.deployments.all()[-1]
        delete = partial(endpoints.delete, EndpointName("lab", "iris"))
        calls: list[Callable[[], object]] = [partial(come_up, newest), delete]
        at_once(calls)
        assert {each.phase for each in endpoints.deployments.all()} == {Phase.RETIRED}
        assert endpoints.all() == []


@pytest.mark.parametrize("wish", [replace(WISH, description="a\0b"), replace(WISH, tags={"a": "\0"})])
def test_text_that_cannot_be_kept_is_refused(endpoints: Endpoints, wish: Wish) -> None:
    with pytest.raises(InvalidArgument):
        endpoints.check("lab", "iris", wish)
