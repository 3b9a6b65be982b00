"""How to read blobs past the service: asked for a group at a time, shortly before they are read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from orris.artifacts.v1 import artifacts_pb2 as pb
from orris.artifacts.v1 import artifacts_service_pb2 as rpc
from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.errors import Unimplemented
from orris.sdk.repeating import Sleep, repeat

# 1 GiB at most: read within the life of its requests also over slow lines.
GROUP = 64
CALL_SECONDS = 60.0
# A request that ends within the next seconds is not begun with.
MARGIN_SECONDS = 10.0


class SignedDownloads:
    """The signed requests of one download. May be used from several threads."""

    def __init__(
        self, stub: ArtifactServiceStub, parent: str, sleep: Sleep, clock: Callable[[], float] = time.time
    ) -> None:
        self._stub = stub
        self._parent = parent
        self._sleep = sleep
        self._clock = clock
        self._groups: dict[str, _Group] = {}
        self._given: dict[str, pb.SignedRequest] = {}
        self._offered = True

    def expect(self, digests: Sequence[str]) -> None:
        """Say which blobs will be asked for, in this order."""
        for begin in range(0, len(digests), GROUP):
            group = _Group(digests[begin : begin + GROUP])
            self._groups.update(dict.fromkeys(group.digests, group))

    def give(self, downloads: Iterable[pb.DirectDownload]) -> None:
        """Take requests that came unasked, with what they are for."""
        self._given.update((each.digest, each.request) for each in downloads)

    def request(self, digest: str) -> pb.SignedRequest | None:
        """Return how to read an expected blob directly, once; None where that is impossible."""
        group = self._groups.pop(digest, None)
        if group is None:
            return None
        given = self._given.pop(digest, None)
        if given is not None and not self._is_old(given):
            return given
        with group.lock:
            if group.requests is None or self._is_old(group.requests.get(digest)):
                left = [each for each in group.digests if each in self._groups]
                group.requests = self._prepare([digest, *left])
            return group.requests.pop(digest, None)

    def _is_old(self, request: pb.SignedRequest | None) -> bool:
        return request is not None and request.expire_time.seconds < self._clock() + MARGIN_SECONDS

    def _prepare(self, digests: Sequence[str]) -> dict[str, pb.SignedRequest]:
        if not self._offered:
            return {}
        request = rpc.PrepareDownloadsRequest(parent=self._parent, digests=digests)
        try:
            response = repeat(lambda: self._stub.PrepareDownloads(request, timeout=CALL_SECONDS), self._sleep)
        except Unimplemented:  # a server from before there were such requests
            self._offered = False
            return {}
        self._offered = bool(response.downloads)
        return {each.digest: each.request for each in response.downloads}


class _Group:
    def __init__(self, digests: Sequence[str]) -> None:
        self.digests = digests
        self.requests: dict[str, pb.SignedRequest] | None = None
        self.lock = threading.Lock()
