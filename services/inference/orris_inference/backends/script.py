"""Answers with a user's scoring script, in a process in its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from orris.errors import FailedPrecondition, Unavailable
from orris_inference.backends.connection import Connection
from orris_inference.backends.port import Kind

MEET_SECONDS = 10.0
# The program that calls the script says itself that it took too long; this is for one that cannot.
MARGIN_SECONDS = 5.0
CALLER = "x-orris-caller-"
# What belongs to a connection, not to the request.
_HOP_BY_HOP = frozenset({
    "connection", "content-length", "date", "host", "keep-alive", "proxy-authenticate", "proxy-authorization", "server",
    "te", "trailer", "transfer-encoding", "upgrade", "expect",
})  # fmt: skip


class ScriptBackend:
    """A scoring script that answers at an address to who knows its secret."""

    kind = Kind.CODE
    methods: tuple[str, ...] = ()

    def __init__(self, address: str, secret: str) -> None:
        self._connection = Connection(address, secret)
        self._seconds = MEET_SECONDS
        self.takes_options = False

    async def meet(self) -> None:
        """Ask the replica how its script wants to be called. Raises Unavailable, FailedPrecondition."""
        response = await self._connection.exchange("GET", "/describe", None, {}, seconds=MEET_SECONDS, again=True)
        if response.status != 200:
            raise FailedPrecondition(f"the replica answered {response.status}: {response.body[:200]!r}")
        try:
            found = json.loads(response.body)
            self._seconds = float(found["time_limit"]) + MARGIN_SECONDS
            self.takes_options = bool(found["takes_options"])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise FailedPrecondition(f"the replica said what is not understood: {response.body[:200]!r}") from error

    async def forward(
        self, verb: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, Sequence[tuple[str, str]], bytes]:
        """Pass on a request (`target`: path and query); return the response's status, headers and body.

        Raises Unavailable when the script is gone, DeadlineExceeded when it takes too long. A request is never sent
        twice: what a script does is its own business.
        """
        given = {name: value for name, value in headers.items() if _may_pass(name)}
        if (authorization := given.pop("authorization", None)) is not None:
            given[f"{CALLER}authorization"] = authorization
        async with self._connection.in_use():
            response = await self._connection.exchange(verb, target, body, given, seconds=self._seconds, again=False)
        if response.status < 200:
            raise Unavailable("the scoring script's response was no answer", reason="REPLICA_GONE")
        return (response.status, [each for each in response.headers if _may_pass(each[0])], response.body)

    async def close(self) -> None:
        """Let calls in progress end, and close the connections."""
        await self._connection.close()


def _may_pass(name: str) -> bool:
    return name.lower() not in _HOP_BY_HOP and not name.lower().startswith(CALLER)
