"""What an agent says of itself: checked, and kept as a row."""

import json
import re
from math import isfinite
from typing import Any

from orris.errors import InvalidArgument
from orris_runs import limits
from orris_runs.demands import Isolation, resources_of, resources_to_text
from orris_runs.model import Agent

_ID = re.compile(r"[a-z0-9-]{1,63}")
_ABILITY = re.compile(r"[a-z0-9-]{1,63}")
_AS_THEY_ARE = ("id", "pool", "slots", "replica_slots", "platform", "hostname", "last_seen_time", "draining")


def agent_to_row(agent: Agent) -> dict[str, Any]:
    """Return an agent as its row holds it."""
    return {
        **{name: getattr(agent, name) for name in _AS_THEY_ARE},
        "isolations": json.dumps(agent.isolations),
        "resources": resources_to_text(agent.resources),
        "abilities": json.dumps(sorted(agent.abilities)),
    }


def agent_of(row: Any) -> Agent:
    """Return the agent of a row of `agents`."""
    return Agent(
        **{name: row[name] for name in _AS_THEY_ARE},
        isolations=tuple(map(Isolation, json.loads(row["isolations"]))),
        resources=resources_of(row["resources"]),
        abilities=frozenset(json.loads(row["abilities"])),
    )


def check_agent(agent: Agent) -> None:
    """Raise InvalidArgument (INVALID_NAME, INVALID_AGENT) for the first field that cannot be used."""
    _demand(_ID.fullmatch(agent.id) is not None, "agent.name", "1 to 63 lower-case letters, digits and -")
    _demand(_ID.fullmatch(agent.pool) is not None, "agent.pool", "1 to 63 lower-case letters, digits and -")
    for field in ("slots", "replica_slots"):
        fits = 0 <= getattr(agent, field) <= limits.SLOTS
        _demand(fits, f"agent.{field}", f"0 to {limits.SLOTS}")
    for field in ("platform", "hostname"):
        text = getattr(agent, field)
        _demand(len(text) <= limits.LABEL_KEY and "\0" not in text, f"agent.{field}", "at most 255 characters")
    _check_machine(agent)


def _check_machine(agent: Agent) -> None:
    known = len(set(agent.isolations)) == len(agent.isolations) and Isolation.UNSPECIFIED not in agent.isolations
    _demand(known, "agent.isolations", "name each once, the default first", "INVALID_AGENT")
    few = len(agent.abilities) <= limits.ABILITIES and all(map(_ABILITY.fullmatch, agent.abilities))
    what = f"at most {limits.ABILITIES} words of lower-case letters, digits and -"
    _demand(few, "agent.abilities", what, "INVALID_AGENT")
    has = agent.resources
    _demand(isfinite(has.cpus) and has.cpus >= 0, "agent.resources.cpus", "a number of 0 or more", "INVALID_AGENT")
    for field in ("memory_bytes", "gpus"):
        _demand(getattr(has, field) >= 0, f"agent.resources.{field}", "0 or more", "INVALID_AGENT")


def _demand(holds: bool, field: str, what: str, reason: str = "INVALID_NAME") -> None:
    if not holds:
        raise InvalidArgument(f"{field}: {what}", field=field, reason=reason)
