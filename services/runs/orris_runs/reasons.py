"""What a waiting run waits for, in words, and what to do about it."""

from collections.abc import Sequence

from orris.sizes import size_text
from orris_runs import places
from orris_runs.demands import AS_FOLDER, CHOOSING_OUTPUTS, DATA, SPREADING, Isolation, Resources
from orris_runs.line import slot_of
from orris_runs.model import Agent, Kind, Run
from orris_runs.rooms import could_take, largest

_OFFERED_BY = {
    Isolation.CONTAINER: "no agent of pool {pool} runs containers: start one with ORRIS_AGENT_ISOLATION=container",
    Isolation.PROCESS: "no agent of pool {pool} runs processes without a container: start one with "
    "ORRIS_AGENT_ISOLATION=process",
    Isolation.WARM: "no agent of pool {pool} starts runs warm outside of containers: start one with "
    "ORRIS_AGENT_ISOLATION=warm, on Linux, or leave isolation out",
}
_ABLE_TO = {
    DATA: "give runs data",
    SPREADING: "spread runs",
    CHOOSING_OUTPUTS: "choose what of an output is kept",
    AS_FOLDER: "give runs folders with one file",
}


def no_agent(run: Run) -> str:
    """Say that nobody is there."""
    return f"no agent is connected to pool {run.pool}"


def never(run: Run, there: Sequence[Agent]) -> str:
    """Say why none of the agents will ever execute a run; empty when one of them may."""
    slot = slot_of(run.kind)
    if any(could_take(agent, run.demands, slot) for agent in there):
        return ""
    taking = [agent for agent in there if agent.capacity(slot)]
    if not taking:
        what = "replicas" if run.kind is Kind.REPLICA else "training or conversion runs"
        return f"no connected agent of pool {run.pool} takes {what}"
    offering = [agent for agent in taking if agent.offers(run.demands.isolation)]
    if not offering:
        return _OFFERED_BY[run.demands.isolation].format(pool=run.pool)
    able = [agent for agent in offering if run.demands.abilities <= agent.abilities]
    if not able:
        lacking = run.demands.abilities.difference(*(agent.abilities for agent in offering)) or run.demands.abilities
        return (
            f"no agent of pool {run.pool} knows how to {_ABLE_TO[min(lacking)]}: they are of an older version; start "
            "one of this version"
        )
    return _too_small(run, able)


def for_now(run: Run, ahead: int | None, *, only_busy: bool) -> str:
    """Say what a run waits for that it will get; `only_busy`: there is a slot, but too little besides."""
    place = _place(ahead)
    if only_busy:
        return (
            f"waits for {_listed(_amounts(run.demands.resources))} to be free in pool {run.pool}: {place} ahead of it"
        )
    return f"waits for a free slot of pool {run.pool}: {place} ahead of it"


def bounded(run: Run, most: int, ahead: int | None) -> str:
    """Say that a run waits for others of its experiment to end."""
    return f"experiment {run.experiment} runs {most} at a time: {_place(ahead)} ahead of it"


def _place(ahead: int | None) -> str:
    return f"over {places.COUNTED}" if ahead is None else str(ahead)


def _too_small(run: Run, agents: Sequence[Agent]) -> str:
    needed, most = run.demands.resources, largest(agents)
    over = Resources(
        cpus=needed.cpus if needed.cpus > most.cpus > 0 else 0,
        memory_bytes=needed.memory_bytes if needed.memory_bytes > most.memory_bytes > 0 else 0,
        gpus=needed.gpus if needed.gpus > most.gpus else 0,
    )
    if not _amounts(over):
        return f"needs {_listed(_amounts(needed))}; no agent of pool {run.pool} has all of that"
    there = Resources(
        cpus=most.cpus if over.cpus else 0,
        memory_bytes=most.memory_bytes if over.memory_bytes else 0,
        gpus=most.gpus if over.gpus else 0,
    )
    has = _listed([*_amounts(there), *(["no GPU"] if over.gpus and not most.gpus else [])])
    return f"needs {_listed(_amounts(over))}; the largest agent of pool {run.pool} has {has}"


def _amounts(resources: Resources) -> list[str]:
    found = []
    if resources.cpus:
        found.append(f"{resources.cpus:g} CPU{'' if resources.cpus == 1 else 's'}")
    if resources.memory_bytes:
        found.append(f"{size_text(resources.memory_bytes)} of memory")
    if resources.gpus:
        found.append(f"{resources.gpus} GPU{'' if resources.gpus == 1 else 's'}")
    return found


def _listed(parts: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
