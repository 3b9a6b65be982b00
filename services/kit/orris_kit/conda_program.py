"""What the programs that call rattler have in common: bounds, how they reach channels, and how they answer."""

import asyncio
import json
import os
import resource
import sys
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NoReturn

MEMORY_LIMIT = 16 * 1024**3
FILE_LIMIT = 16 * 1024**3

Answer = dict[str, object]


class Refused(Exception):
    """What is asked for is refused, for a reason that is told."""


def main(answer: Callable[[dict[str, Any]], Awaitable[Answer]]) -> NoReturn:
    """Read the request from the file that the first argument names, and print what `answer` makes of it."""
    try:
        print(json.dumps(_answered(answer, json.loads(Path(sys.argv[1]).read_bytes()))), flush=True)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)  # at an orderly end, threads of rattler would be in the interpreter's way


def _answered(answer: Callable[[dict[str, Any]], Awaitable[Answer]], request: dict[str, Any]) -> Answer:
    _limit(resource.RLIMIT_AS, MEMORY_LIMIT)
    _limit(resource.RLIMIT_FSIZE, request.get("file_limit", FILE_LIMIT))

    async def run() -> Answer:
        return await answer(request)

    try:
        return asyncio.run(run())
    except Exception as error:
        if type(error).__module__ == "builtins" and not isinstance(error, (OSError, RuntimeError)):
            raise  # a fault of ours: rattler's errors have classes of their own, or are these two
        return {"error": str(error)}


def say(line: str) -> None:
    """Tell the caller's log."""
    print(line, file=sys.stderr, flush=True)


def client() -> Any:
    """Return a client that trusts the machine's certificates and knows the logins; it tries again by itself."""
    from rattler import Client, Config

    return Client.from_config(Config.from_toml('tls-root-certs = "system"'), user_agent="orris", max_retries=2)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, hard))
