"""Which endpoint is answered by what, and who may ask: looked up for each prediction, in memory."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from orris.errors import NotFound, OrrisError, PermissionDenied, Unauthenticated, Unavailable
from orris_inference.model import Endpoint
from orris_inference.statistics import Statistics
from orris_kit.auth import Role
from orris_kit.guard import Authenticator

if TYPE_CHECKING:
    from orris_inference.backends.port import Answering, Backend, ScriptBackend
    from orris_inference.drift import Drift

RETRY_SECONDS = 1.0
SCRIPT = "code"  # Kind.CODE; that module is not imported before there is a backend
_NO_KEY = "a key is needed: send `Authorization: Bearer <key>`"


@dataclass(slots=True)
class Route:
    """One endpoint: its keys, and what answers at present (`generation` and `version` are that one's)."""

    workspace: str
    uid: str
    keys: tuple[bytes, ...]
    open: bool
    backend: Answering | None = None
    generation: int = 0
    version: str = ""
    statistics: Statistics = field(default_factory=Statistics)

    def script(self) -> ScriptBackend | None:
        """Return the scoring script that answers, None where a model does. Raises Unavailable while nothing does."""
        answering = self.ready()
        return cast("ScriptBackend", answering) if answering.kind == SCRIPT else None

    def model(self) -> Backend:
        """Return the model that answers. Raises Unavailable while nothing does, NotFound where a script does."""
        answering = self.ready()
        if answering.kind == SCRIPT:
            message = (
                "a scoring script answers this endpoint, which is no model of this protocol: POST to its scoring_uri"
            )
            raise NotFound(message, reason="NO_V2_MODEL")
        return cast("Backend", answering)

    def ready(self) -> Answering:
        """Return what answers. Raises Unavailable while nothing does."""
        if self.backend is None:
            message = "the endpoint does not answer at present; its state and log say why"
            raise Unavailable(message, reason="NOT_READY", retry_after=RETRY_SECONDS)
        return self.backend


class Routes:
    """All endpoints by id. `allow_open`: whether endpoints without keys answer callers on other machines."""

    def __init__(self, authenticator: Authenticator, *, allow_open: bool) -> None:
        self._authenticator = authenticator
        self._allow_open = allow_open
        self._routes: dict[str, Route] = {}
        # What was counted before a restart, by endpoints' uids, until they are set.
        self._counted: dict[str, dict[str, Any]] = {}

    def find(self, endpoint_id: str) -> Route:
        """Return an endpoint's route. Raises NotFound."""
        route = self._routes.get(endpoint_id)
        if route is None:
            raise NotFound(f"no endpoint {endpoint_id[:64]!r}", reason="ENDPOINT_NOT_FOUND")
        return route

    def set(self, endpoint: Endpoint) -> Route:
        """Take over an endpoint's keys and settings; what answers stays."""
        keys = (endpoint.primary_key.encode(), endpoint.secondary_key.encode())
        known = self._routes.get(endpoint.id)
        fresh = Route(endpoint.workspace, endpoint.uid, keys, endpoint.auth_enabled is False)
        if known is not None and known.uid == endpoint.uid:
            fresh.backend, fresh.generation, fresh.version = (known.backend, known.generation, known.version)
            fresh.statistics = known.statistics
        elif before := self._counted.pop(endpoint.uid, None):
            fresh.statistics.take_up(before)
        self._routes[endpoint.id] = fresh
        return fresh

    def take_up(self, counted: dict[str, dict[str, Any]]) -> None:
        """Let endpoints that are set from now on go on counting, by their uids."""
        self._counted = counted

    def counted(self) -> dict[str, dict[str, Any]]:
        """Return what each endpoint has counted, by its uid."""
        return self._counted | {route.uid: route.statistics.kept() for route in self._routes.values()}

    def statistics(self) -> dict[str, Statistics]:
        """Return how each endpoint is asked and answers."""
        return {endpoint: route.statistics for endpoint, route in list(self._routes.items())}

    def serve(
        self,
        endpoint_id: str,
        uid: str,
        generation: int,
        version: str,
        backend: Answering | None,
        drift: Drift | None = None,
    ) -> None:
        """Let `backend` answer from now on (None: nothing), unless a newer deployment does already.

        `drift` compares what it is asked with the sample of its model.
        """
        route = self._routes.get(endpoint_id)
        if route is not None and route.uid == uid and generation >= route.generation:
            if backend is not None:
                route.backend, route.generation, route.version = (backend, generation, version)
                route.statistics.compare(drift)
            elif generation == route.generation:
                route.backend = None

    def remove(self, endpoint_id: str, uid: str) -> None:
        """Forget an endpoint."""
        route = self._routes.get(endpoint_id)
        if route is not None and route.uid == uid:
            del self._routes[endpoint_id]

    def admit(self, route: Route, authorization: str | None, *, here: bool) -> None:
        """Let in who has a key of the endpoint or a person's token of its workspace; `here`: is on this machine.

        Raises Unauthenticated without a valid key or token, PermissionDenied for a token of somebody else.
        """
        scheme, _, given = (authorization or "").partition(" ")
        if given and scheme.lower() == "bearer":
            self._admit_bearer(route, given.strip(), here)
        elif not self._is_open(route, here):
            message = _NO_KEY
            if route.open:
                message = "an endpoint without keys answers callers on its own machine only; " + _NO_KEY
            raise Unauthenticated(message, reason="KEY_MISSING")

    def _admit_bearer(self, route: Route, given: str, here: bool) -> None:
        candidate = given.encode("utf-8", "surrogateescape")
        # Both are compared, so that the time tells nothing.
        matches = [hmac.compare_digest(candidate, key) for key in route.keys]
        if any(matches) or self._is_open(route, here):
            return
        try:
            principal = self._authenticator.authenticate(given)
        except OrrisError as error:
            raise Unauthenticated("the key is not valid for this endpoint", reason="KEY_INVALID") from error
        if principal.role not in (Role.USER, Role.SERVICE) or not principal.may_enter(route.workspace):
            raise PermissionDenied("the token is not one of the endpoint's workspace", reason="OTHER_WORKSPACE")

    def _is_open(self, route: Route, here: bool) -> bool:
        return route.open and (here or self._allow_open)
