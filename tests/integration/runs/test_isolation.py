"""What runs ask of their machines, and what agents have, over the wire."""

from typing import Any

import pytest

from orris.errors import FailedPrecondition, InvalidArgument
from orris.runs.v1 import agents_service_pb2, runs_pb2
from orris_kit.auth import Role
from orris_kit.client import connect
from orris_runs.demands import NO_CONTAINER_IMAGES
from orris_runs.images_client import CONTRACT, FRESH_SECONDS, ImagesClient
from tests.fakes.images import COLD, IMAGE

from .conftest import FakeAgent, Service, State

CONTAINER = runs_pb2.ISOLATION_CONTAINER
GIB = 1024**3
LIMITS = runs_pb2.Resources(cpus=1.5, memory_bytes=2 * GIB, pids=64, shared_memory_bytes=GIB)
REFERENCE = f"registry.lab:5000/orris@sha256:{'a' * 64}"


class ContainerAgent(FakeAgent):
    """One that runs containers, on a machine of two processors."""

    async def register(self, slots: int = 1, replica_slots: int = 1) -> "ContainerAgent":
        agent = agents_service_pb2.Agent(
            name=self.name,
            pool="local",
            slots=slots,
            replica_slots=replica_slots,
            isolations=[runs_pb2.ISOLATION_PROCESS, CONTAINER],
            resources=runs_pb2.Resources(cpus=2, memory_bytes=4 * GIB),
        )
        await self.stub.RegisterAgent(agents_service_pb2.RegisterAgentRequest(agent=agent))
        return self


async def test_what_is_asked_for_is_in_the_answer_and_in_the_lease(service: Service) -> None:
    service.images.reference = REFERENCE
    agent = await ContainerAgent(service).connect()
    run = await service.submit(isolation=CONTAINER, resources=LIMITS, network_disabled=True)
    lease = await agent.lease()
    for each in (run, await service.get(run), lease.run):
        assert (each.isolation, each.resources, each.network_disabled) == (CONTAINER, LIMITS, True)
    assert lease.image.reference == REFERENCE


async def test_who_asks_for_nothing_is_told_of_nothing(service: Service) -> None:
    run = await service.submit()
    assert (run.isolation, run.HasField("resources"), run.network_disabled) == (0, False, False)


async def test_agents_are_listed_with_what_they_offer_and_have(service: Service) -> None:
    await ContainerAgent(service).register()
    await FakeAgent(service, "agents/plain").register()
    listed = (await service.agents.ListAgents(agents_service_pb2.ListAgentsRequest())).agents
    assert [list(each.isolations) for each in listed] == [[runs_pb2.ISOLATION_PROCESS, CONTAINER], []]
    assert listed[0].resources == runs_pb2.Resources(cpus=2, memory_bytes=4 * GIB)
    assert not listed[1].HasField("resources")


async def test_a_container_is_refused_where_the_image_is_none_for_containers(service: Service) -> None:
    with pytest.raises(FailedPrecondition) as caught:
        await service.submit(isolation=CONTAINER)
    assert (caught.value.reason, caught.value.message) == ("NO_CONTAINER_IMAGES", NO_CONTAINER_IMAGES)
    with pytest.raises(FailedPrecondition):
        await service.submit(environment="", image=IMAGE, isolation=CONTAINER)


@pytest.mark.parametrize(("reference", "state"), [("", State.STATE_FAILED), (REFERENCE, State.STATE_QUEUED)])
async def test_what_a_build_makes_decides_for_the_runs_that_waited_for_it(
    service: Service, reference: str, state: Any
) -> None:
    await ContainerAgent(service).connect()
    run = await service.submit(environment=COLD, isolation=CONTAINER)
    assert run.state == State.STATE_PREPARING
    service.images.reference = reference
    service.images.build().end(image=IMAGE)
    ended = await service.until(run, state)
    if not reference:
        assert (ended.error.code, ended.error.message) == (runs_pb2.RunError.CODE_ENVIRONMENT, NO_CONTAINER_IMAGES)


async def test_what_cannot_be_asked_for_is_named_field_by_field(service: Service) -> None:
    wrong = runs_pb2.Resources(cpus=float("nan"), memory_bytes=-1, pids=-1, gpus=-1, shared_memory_bytes=-1)
    with pytest.raises(InvalidArgument) as caught:
        await service.submit(resources=wrong, network_disabled=True)
    assert {violation.field for violation in caught.value.violations} == {
        "run.resources.cpus",
        "run.resources.memory_bytes",
        "run.resources.pids",
        "run.resources.gpus",
        "run.resources.shared_memory_bytes",
        "run.network_disabled",
    }
    with pytest.raises(InvalidArgument) as caught:
        await service.submit(isolation=77)
    assert [violation.field for violation in caught.value.violations] == ["run.isolation"]


async def test_a_run_that_needed_too_much_memory_says_so(service: Service) -> None:
    agent = await FakeAgent(service).connect()
    run = await service.submit()
    lease = await agent.lease()
    error = runs_pb2.RunError(code=runs_pb2.RunError.CODE_OUT_OF_MEMORY, message="needed more memory than its 2 GiB")
    await agent.finish(lease.id, State.STATE_FAILED, error=error)
    assert (await service.get(run)).error.code == runs_pb2.RunError.CODE_OUT_OF_MEMORY


async def test_an_image_that_was_made_again_is_noticed_soon(service: Service) -> None:
    now, token = [0.0], service.token(Role.SERVICE)
    channel = connect(service.settings.images_address, lambda: token, services=[CONTRACT])
    images = ImagesClient(channel, clock=lambda: now[0])
    assert (await images.image(IMAGE)).reference == ""
    service.images.reference = REFERENCE
    assert (await images.image(IMAGE)).reference == ""
    now[0] += FRESH_SECONDS
    assert (await images.image(IMAGE)).reference == REFERENCE
    await channel.close()
