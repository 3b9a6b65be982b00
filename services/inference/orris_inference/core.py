"""The rules of endpoints: who is called what, what is deployed under it, which keys open it."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orris.errors import AlreadyExists, NotFound
from orris.names import EndpointName, check_id
from orris_inference.checks import check_wish
from orris_inference.deployments import Deployments
from orris_inference.endpoint_log import EndpointLog
from orris_inference.model import Endpoint, State, Wish
from orris_inference.rows import content_columns, endpoint_of
from orris_inference.schema import deployments, endpoints, log_pieces, requests
from orris_kit.database import read, take_turn, write

KEY_BYTES = 24


class Endpoints:
    """All endpoints of an installation. Their ids are unique in it: they are the models' names in the V2 protocol."""

    def __init__(
        self,
        engine: sa.Engine,
        clock: Callable[[], datetime],
        notify: Callable[[str], None] = lambda _: None,
        new_uid: Callable[[], str] = lambda: uuid.uuid4().hex,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._notify = notify
        self._new_uid = new_uid
        self.log = EndpointLog(engine, clock, notify)
        self.deployments = Deployments(engine, self.log, notify)

    def check(self, workspace: str, endpoint_id: str, wish: Wish) -> None:
        """Raise InvalidArgument for what cannot be deployed."""
        check_id("endpoint", endpoint_id, field="endpoint_id")
        check_wish(workspace, wish)

    def made_by(
        self, workspace: str, endpoint_id: str, wish: Wish, overwrite: bool, request_id: str
    ) -> Endpoint | None:
        """Return the endpoint that this very request has deployed before.

        Raises AlreadyExists where the id is taken and not to be overwritten.
        """
        with read(self._engine) as connection:
            name = requests.recall(connection, "CreateEndpoint", f"workspaces/{workspace}", request_id,
                                   _payload(endpoint_id, wish, overwrite))  # fmt: skip
            if name is not None:
                return _find(connection, workspace, EndpointName.parse(name).endpoint)
            _check_free(connection, workspace, endpoint_id, overwrite)
        return None

    def create(
        self, workspace: str, endpoint_id: str, wish: Wish, *, overwrite: bool, request_id: str, by: str
    ) -> tuple[Endpoint, list[str]]:
        """Record a new deployment; return its endpoint and the deployments that it makes superfluous at once."""
        payload = _payload(endpoint_id, wish, overwrite)
        with write(self._engine) as connection:
            parent = f"workspaces/{workspace}"
            if name := requests.recall(connection, "CreateEndpoint", parent, request_id, payload):
                return _find(connection, workspace, EndpointName.parse(name).endpoint), []
            take_turn(connection, "endpoint", endpoint_id)
            _check_free(connection, workspace, endpoint_id, overwrite)
            endpoint = self._store(connection, workspace, endpoint_id, wish, by)
            superfluous = self.deployments.add(connection, endpoint, self._new_uid())
            requests.remember(connection, "CreateEndpoint", parent, request_id, payload, endpoint.name)
            self.log.note(connection, endpoint.uid, f"Deploying {endpoint.label}.")
        self._notify(endpoint.id)
        return endpoint, superfluous

    def get(self, name: EndpointName) -> Endpoint:
        """Return an endpoint. Raises NotFound (ENDPOINT_NOT_FOUND)."""
        with read(self._engine) as connection:
            return _find(connection, name.workspace, name.endpoint)

    def page(self, workspace: str, after: str, limit: int) -> list[Endpoint]:
        """Return endpoints by id, those behind `after`."""
        query = sa.select(endpoints).where(endpoints.c.workspace == workspace, endpoints.c.id > after)
        with read(self._engine) as connection:
            return [endpoint_of(row) for row in connection.execute(query.order_by(endpoints.c.id).limit(limit))]

    def all(self) -> list[Endpoint]:
        """Return all endpoints of the installation."""
        with read(self._engine) as connection:
            return [endpoint_of(row) for row in connection.execute(sa.select(endpoints))]

    def delete(self, name: EndpointName) -> tuple[Endpoint, list[str]]:
        """Delete an endpoint; return it and its deployments, now retired."""
        with write(self._engine) as connection:
            take_turn(connection, "endpoint", name.endpoint)
            endpoint = _find(connection, name.workspace, name.endpoint)
            retired = self.deployments.retire(connection, deployments.c.endpoint_uid == endpoint.uid)
            connection.execute(endpoints.delete().where(endpoints.c.id == endpoint.id))
            connection.execute(log_pieces.delete().where(log_pieces.c.endpoint_uid == endpoint.uid))
        self._notify(endpoint.id)
        return endpoint, retired

    def regenerate_key(self, name: EndpointName, column: str) -> Endpoint:
        """Replace `primary_key` or `secondary_key`; return the endpoint."""
        with write(self._engine) as connection:
            endpoint = _find(connection, name.workspace, name.endpoint)
            change = endpoints.update().where(endpoints.c.uid == endpoint.uid)
            connection.execute(change.values({column: new_key()}))
            return _find(connection, name.workspace, name.endpoint)

    def _store(self, connection: sa.Connection, workspace: str, endpoint_id: str, wish: Wish, by: str) -> Endpoint:
        now = self._clock()
        changed: dict[str, Any] = {
            **content_columns(wish),
            "state": State.TRANSITIONING.value,
            "error": "",
            "auth_enabled": wish.auth_enabled,
            "description": wish.description,
            "tags": wish.tags,
            "update_time": now,
        }
        this = endpoints.c.id == endpoint_id
        row = connection.execute(sa.select(endpoints).where(this)).one_or_none()
        if row is not None:
            changed["generation"] = row.generation + 1
            connection.execute(endpoints.update().where(this).values(changed))
            return _find(connection, workspace, endpoint_id)
        fresh = {
            "id": endpoint_id,
            "uid": self._new_uid(),
            "workspace": workspace,
            "generation": 1,
            "backend": "",
            "methods": [],
            "replica": "",
            "primary_key": new_key(),
            "secondary_key": new_key(),
            "created_by": by,
            "create_time": now,
        }
        connection.execute(endpoints.insert().values(changed | fresh))
        return _find(connection, workspace, endpoint_id)


def new_key() -> str:
    """Return a new key of 32 characters."""
    return secrets.token_urlsafe(KEY_BYTES)


def _find(connection: sa.Connection, workspace: str, endpoint_id: str) -> Endpoint:
    query = sa.select(endpoints).where(endpoints.c.id == endpoint_id, endpoints.c.workspace == workspace)
    row = connection.execute(query).one_or_none()
    if row is None:
        message = f"no endpoint {endpoint_id!r} in the workspace {workspace!r}"
        raise NotFound(message, reason="ENDPOINT_NOT_FOUND")
    return endpoint_of(row)


def _check_free(connection: sa.Connection, workspace: str, endpoint_id: str, overwrite: bool) -> None:
    owner = connection.execute(sa.select(endpoints.c.workspace).where(endpoints.c.id == endpoint_id)).scalar()
    if owner is None or (overwrite and owner == workspace):
        return
    remedy = "set `overwrite` to redeploy it, or choose another id" if owner == workspace else "choose another id"
    raise AlreadyExists(f"there is an endpoint {endpoint_id!r} already; {remedy}", reason="ENDPOINT_EXISTS")


def _payload(endpoint_id: str, wish: Wish, overwrite: bool) -> bytes:
    return json.dumps([endpoint_id, asdict(wish), overwrite], sort_keys=True).encode()
