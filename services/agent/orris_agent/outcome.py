"""How the end of a run is told to the server."""

from __future__ import annotations

from orris.runs.v1 import agents_service_pb2 as agents
from orris.runs.v1 import runs_pb2 as runs
from orris_agent import failure
from orris_agent.folder import RunFolder
from orris_agent.reports import LeaseLostError
from orris_agent.runtimes.port import Ending
from orris_agent.usage import last_used, used


def outcome_of(ending: Ending, folder: RunFolder) -> agents.FinishRunRequest:
    """Return the end of a run as it is told. Raises LeaseLostError where that is why it ended."""
    ended = ending.exit
    if ended is not None and ended.reason == "lease_lost":
        raise LeaseLostError
    outcome = agents.FinishRunRequest()
    if ended is not None:
        outcome.end_time.FromNanoseconds(int(ended.end_time * 1e9))
    if (usage := used(ended) if ended is not None else last_used(folder.written)) is not None:
        outcome.usage.CopyFrom(usage)
    if ended is not None and ended.reason == "canceled":
        outcome.state = runs.Run.STATE_CANCELED
    elif ended is not None and ended.exit_code == 0 and ended.reason is None:
        outcome.state = runs.Run.STATE_COMPLETED
    else:
        outcome.state = runs.Run.STATE_FAILED
        outcome.error.CopyFrom(failure.error_of(ending, folder.written))
    return outcome


def failed(code: runs.RunError.Code.ValueType, message: str) -> agents.FinishRunRequest:
    """Return the end of a run that Orris could not execute."""
    return agents.FinishRunRequest(state=runs.Run.STATE_FAILED, error=runs.RunError(code=code, message=message))


def failed_here(problem: BaseException) -> agents.FinishRunRequest:
    """Return the end of a run for which its agent's machine was not fit."""
    why = f": {problem}" if isinstance(problem, OSError) else "; its log says why"
    return failed(runs.RunError.CODE_SYSTEM, f"The agent failed to execute the run{why}. Submit the run again.")


def without_outputs(outcome: agents.FinishRunRequest) -> agents.FinishRunRequest:
    """Return the end of a run whose outputs were not to be kept any more: canceled, unless its program has failed."""
    end = agents.FinishRunRequest()
    end.CopyFrom(outcome)
    for field in ("outputs", "output_files", "outputs_to", "left_behind"):
        end.ClearField(field)
    if end.state == runs.Run.STATE_COMPLETED:
        end.state = runs.Run.STATE_CANCELED
    return end


def with_last(outcome: agents.FinishRunRequest, report: agents.ReportRunRequest) -> agents.FinishRunRequest:
    """Return the end of a run that takes along what it wrote last."""
    end = agents.FinishRunRequest()
    end.CopyFrom(outcome)
    end.logs.extend(report.logs)
    end.first_sequence = report.first_sequence
    end.events.extend(report.events)
    end.samples.extend(report.samples)
    return end
