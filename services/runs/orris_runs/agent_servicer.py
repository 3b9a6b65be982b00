"""Handlers of AgentService."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from orris.errors import InvalidArgument
from orris.names import AgentName, DatasetVersionName
from orris.runs.v1 import agents_service_pb2 as pb
from orris.runs.v1.agents_service_pb2_grpc import AgentServiceServicer
from orris_kit.access import allow
from orris_kit.auth import Role
from orris_kit.blocking import run_blocking
from orris_kit.draining import until_draining
from orris_kit.paging import page_size
from orris_runs.builds import Images
from orris_runs.core import Core
from orris_runs.data_translation import produced_from
from orris_runs.event_translation import event
from orris_runs.handing_out import HandingOut
from orris_runs.leases import Outcome
from orris_runs.limits import EVENTS
from orris_runs.logs import Written
from orris_runs.model import Agent, Event
from orris_runs.reporting import News, Report
from orris_runs.states import State
from orris_runs.submitting import Submitting
from orris_runs.tokens import Tokens
from orris_runs.translation import (
    agent_message,
    duration,
    fitting,
    isolation,
    moment,
    resources,
    run_error,
    states,
)
from orris_runs.usage_translation import samples, used

agents = allow(Role.AGENT)


class AgentServicer(AgentServiceServicer):
    """Agents, their leases and what they report, over gRPC."""

    def __init__(self, core: Core, submitting: Submitting, images: Images, tokens: Tokens) -> None:
        self._core = core
        self._submitting = submitting
        self._handing_out = HandingOut(core, images, tokens)

    @agents
    async def RegisterAgent(self, request: pb.RegisterAgentRequest, context: Any) -> pb.RegisterAgentResponse:
        agent = await run_blocking(self._core.pools.admit, _agent(request.agent))
        length = duration(self._core.deadlines.duration)
        return pb.RegisterAgentResponse(agent=agent_message(agent), lease_duration=length)

    @agents
    async def WatchLeases(self, request: pb.WatchLeasesRequest, context: Any) -> AsyncIterator[pb.WatchLeasesResponse]:
        agent = AgentName.parse(request.agent, field="agent").agent
        async for message in until_draining(self._handing_out.watch(agent)):
            yield message

    @agents
    async def RenewLeases(self, request: pb.RenewLeasesRequest, context: Any) -> pb.RenewLeasesResponse:
        agent = AgentName.parse(request.agent, field="agent").agent
        lost = await run_blocking(self._core.leases.renew, agent, list(request.lease_ids))
        length, clock = self._core.deadlines.duration, self._core.store.clock.monotonic()
        return pb.RenewLeasesResponse(lost_lease_ids=lost, duration=duration(length), clock=duration(clock))

    @agents
    async def ReportRun(self, request: pb.ReportRunRequest, context: Any) -> pb.ReportRunResponse:
        heard = await self._core.store.soon(self._core.reporting.taking(request.lease_id, _report(request)))
        return pb.ReportRunResponse(
            cancel=heard.cancel,
            logs=[pb.ReportRunResponse.Taken(size=taken.size, full=taken.full) for taken in heard.logs],
            next_sequence=heard.next_sequence,
        )

    @agents
    async def AppendRunLog(self, request: pb.AppendRunLogRequest, context: Any) -> pb.AppendRunLogResponse:
        taken = await run_blocking(
            self._core.logs.append, request.lease_id, request.file, request.offset, request.data, request.end
        )
        return pb.AppendRunLogResponse(size=taken.size, full=taken.full)

    @agents
    async def AppendRunEvents(self, request: pb.AppendRunEventsRequest, context: Any) -> pb.AppendRunEventsResponse:
        append = self._core.events.append
        following = await run_blocking(append, request.lease_id, request.first_sequence, _events(request.events))
        return pb.AppendRunEventsResponse(next_sequence=following)

    @agents
    async def AppendRunUsage(self, request: pb.AppendRunUsageRequest, context: Any) -> pb.AppendRunUsageResponse:
        await run_blocking(self._core.usage.append, request.lease_id, samples(request.samples))
        return pb.AppendRunUsageResponse()

    @agents
    async def RecordRunDataset(self, request: pb.RecordRunDatasetRequest, context: Any) -> pb.RecordRunDatasetResponse:
        dataset = DatasetVersionName.parse(request.dataset, field="dataset")
        await self._submitting.read(request.lease_id, dataset)
        return pb.RecordRunDatasetResponse()

    @agents
    async def FinishRun(self, request: pb.FinishRunRequest, context: Any) -> pb.FinishRunResponse:
        files = request.output_files if request.HasField("output_files") else None
        await self._submitting.finish(request.lease_id, _outcome(request), _news(request), files)
        return pb.FinishRunResponse()

    @agents
    async def ReturnRun(self, request: pb.ReturnRunRequest, context: Any) -> pb.ReturnRunResponse:
        await run_blocking(self._core.leases.hand_back, request.lease_id)
        return pb.ReturnRunResponse()

    @agents
    async def DrainAgent(self, request: pb.DrainAgentRequest, context: Any) -> pb.DrainAgentResponse:
        agent = AgentName.parse(request.agent, field="agent").agent
        await run_blocking(self._core.withdrawal.drain, agent, request.reason)
        return pb.DrainAgentResponse()

    @allow(Role.USER, Role.READER, Role.SERVICE, Role.AGENT)
    async def ListAgents(self, request: pb.ListAgentsRequest, context: Any) -> pb.ListAgentsResponse:
        size = page_size(request.page_size, default=100)
        found, token = await run_blocking(self._core.agents.list, size, request.page_token)
        return pb.ListAgentsResponse(agents=fitting(map(agent_message, found)), next_page_token=token)


def _agent(message: pb.Agent) -> Agent:
    return Agent(
        id=message.name.removeprefix("agents/"),
        pool=message.pool,
        slots=message.slots,
        replica_slots=message.replica_slots,
        platform=message.platform,
        hostname=message.hostname,
        isolations=[isolation(each, "agent.isolations") for each in message.isolations],
        resources=resources(message.resources),
        abilities=frozenset(message.abilities),
    )


def _report(request: pb.ReportRunRequest) -> Report:
    return Report(
        state=_state(request.state) if request.state else None,
        reason=request.reason,
        time=moment(request, "time"),
        warnings=list(request.warnings),
        news=_news(request),
    )


def _news(request: pb.ReportRunRequest | pb.FinishRunRequest) -> News:
    return News(
        logs=[Written(each.file, each.offset, each.data, each.end) for each in request.logs],
        first_sequence=request.first_sequence,
        events=_events(request.events),
        samples=samples(request.samples),
    )


def _events(messages: Sequence[pb.RunEvent]) -> list[Event]:
    if len(messages) > EVENTS:
        raise InvalidArgument(f"events: at most {EVENTS} at a time", field="events")
    return [event(each) for each in messages]


def _outcome(request: pb.FinishRunRequest) -> Outcome:
    if request.outputs and request.HasField("output_files"):
        raise InvalidArgument("outputs: leave it empty where output_files come along", field="outputs")
    return Outcome(
        state=_state(request.state),
        error=run_error(request.error) if request.HasField("error") else None,
        outputs=request.outputs,
        end_time=moment(request, "end_time"),
        left_behind=list(request.left_behind),
        used=used(request.usage) if request.HasField("usage") else None,
        produced=produced_from(request.outputs_to),
    )


def _state(number: int) -> State:
    return states([number])[0]
