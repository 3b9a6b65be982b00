"""The images that this agent has brought into its engine, and the removal of those that it needs no more."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orris.errors import OrrisError
from orris.images.v1 import images_pb2 as images
from orris.images.v1 import images_service_pb2 as rpc
from orris.names import ImageName, WorkspaceName
from orris_agent.runtimes.docker.engine import Engine
from orris_agent.runtimes.port import NotNowError
from orris_kit.blocking import run_blocking
from orris_kit.logging import get_logger

if TYPE_CHECKING:
    from docker import APIClient

    from orris.images.v1.images_service_pb2_grpc import ImageServiceAsyncStub

log = get_logger(__name__)

# An image used this lately may be about to be used: a run was leased, and has no container yet.
GRACE_SECONDS = 3600.0
_CONFLICT = 409
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that was pulled. `name`: the images service's; `used`: when it was last (unix seconds)."""

    file: Path
    reference: str
    name: str
    used: float


class Kept:
    """What the images service has, asked once for each workspace.

    By lists: an agent that asks for one image uses it, and so would keep it for ever.
    """

    def __init__(self, service: ImageServiceAsyncStub) -> None:
        self._service = service
        self._workspaces: dict[str, dict[str, str]] = {}

    async def reference(self, name: str) -> str | None:
        """Return where an image is now, None where it is not there any more. Raises OrrisError."""
        workspace = ImageName.parse(name).workspace
        if workspace not in self._workspaces:
            self._workspaces[workspace] = await self._list(workspace)
        return self._workspaces[workspace].get(name)

    async def _list(self, workspace: str) -> dict[str, str]:
        request = rpc.ListImagesRequest(parent=str(WorkspaceName(workspace)), page_size=_PAGE)
        found: dict[str, str] = {}
        while True:
            response = await self._service.ListImages(request)
            found |= {image.name: image.reference for image in response.images}
            if not response.next_page_token:
                return found
            request.page_token = response.next_page_token


class PulledImages:
    """Notes, one file an image, in a folder of the agent's. What it did not pull itself is not its to remove.

    `keep_unused`: how long an image is kept that this agent does not use (seconds).
    """

    def __init__(self, folder: Path, engine: Engine, service: ImageServiceAsyncStub, keep_unused: float) -> None:
        self._folder, self._engine, self._service, self._keep_unused = folder, engine, service, keep_unused

    def note(self, image: images.Image) -> None:
        """Note that an image is about to be pulled."""
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._file(image.reference)
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps({"reference": image.reference, "name": image.name}), encoding="utf-8")
        temporary.replace(file)

    def use(self, reference: str) -> None:
        """Note that an image is used now, if it was pulled."""
        with suppress(FileNotFoundError):
            os.utime(self._file(reference))

    async def sweep(self) -> None:
        """Remove what has not been used for long, or is not what the images service has; never what is in use."""
        service = Kept(self._service)
        with suppress(NotNowError):
            for pulled in await run_blocking(lambda: list(self._noted())):
                reason = await self._reason_to_remove(pulled, service)
                if not reason:
                    continue
                if await self._engine.call(partial(_removed, reference=pulled.reference)):
                    pulled.file.unlink(missing_ok=True)
                    log.info("image removed", image=pulled.reference, reason=reason)

    async def _reason_to_remove(self, pulled: Pulled, service: Kept) -> str:
        """Return why an image may go, empty where it stays. It does while the service cannot be asked."""
        unused = time.time() - pulled.used
        if unused > self._keep_unused:
            return "it was not used for long"
        if unused < GRACE_SECONDS:
            return ""
        try:
            reference = await service.reference(pulled.name)
        except OrrisError as problem:
            log.warning("the images service cannot be asked what it has", reason=problem.message)
            return ""
        if reference is None:
            return "the images service does not have it any more"
        return "" if reference == pulled.reference else "it was made anew"

    def _noted(self) -> Iterator[Pulled]:
        for file in sorted(self._folder.glob("*.json")):
            try:
                fields = json.loads(file.read_text(encoding="utf-8"))
                yield Pulled(file, str(fields["reference"]), str(fields["name"]), file.stat().st_mtime)
            except (OSError, ValueError, KeyError, TypeError):
                log.warning("a note of an image cannot be read", file=str(file))

    def _file(self, reference: str) -> Path:
        return self._folder / f"{hashlib.sha256(reference.encode()).hexdigest()[:32]}.json"


def _removed(api: APIClient, reference: str) -> bool:
    """Remove an image, unless a container has it, also one that has ended; return whether it is gone."""
    from docker.errors import APIError, ImageNotFound

    try:
        if api.containers(all=True, quiet=True, filters={"ancestor": reference}):
            return False
        api.remove_image(reference)
    except ImageNotFound:
        return True
    except APIError as error:
        if error.status_code != _CONFLICT:
            log.warning("an image is not removed", image=reference, reason=str(error.explanation or error))
        return False
    return True
