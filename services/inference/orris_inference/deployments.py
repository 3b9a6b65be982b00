"""The rules of deployments: which one answers, which ones are taken down, and what that makes of their endpoint."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from orris.names import EndpointName
from orris_inference.endpoint_log import EndpointLog
from orris_inference.model import Deployment, Endpoint, Phase, State
from orris_inference.rows import content_columns, deployment_of
from orris_inference.schema import deployments, endpoints
from orris_kit.database import read, take_turn, write
from orris_kit.text import readable

ERROR_CHARACTERS = 8 * 1024
SECRET_BYTES = 32
RESTARTED = "the service was restarted; the model is being brought up again"

_table = deployments.c


class Deployments:
    """All deployments. Only the newest of an endpoint decides its state; an older one answers until that is ready.

    Who changes an endpoint, its deployments or its log takes turns with others of the same endpoint.
    """

    def __init__(self, engine: sa.Engine, log: EndpointLog, notify: Callable[[str], None]) -> None:
        self._engine = engine
        self._log = log
        self._notify = notify

    def add(self, connection: sa.Connection, endpoint: Endpoint, uid: str) -> list[str]:
        """Record the endpoint's newest deployment; return those that will never answer now, retired."""
        mine = _table.endpoint_uid == endpoint.uid
        superfluous = self.retire(connection, mine & _table.phase.in_([Phase.WANTED.value, Phase.FAILED.value]))
        connection.execute(
            deployments.insert().values(
                uid=uid,
                endpoint=endpoint.id,
                endpoint_uid=endpoint.uid,
                workspace=endpoint.workspace,
                generation=endpoint.generation,
                **content_columns(endpoint),
                phase=Phase.WANTED.value,
                attempt=0,
                secret="",
                replica="",
                log_offset=0,
            )
        )
        return superfluous

    def retire(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[str]:
        """Mark deployments as to be taken down; return their uids."""
        which = which & (_table.phase != Phase.RETIRED.value)
        uids = list(connection.execute(sa.select(_table.uid).where(which)).scalars())
        connection.execute(deployments.update().where(_table.uid.in_(uids)).values(phase=Phase.RETIRED.value))
        return uids

    def all(self) -> list[Deployment]:
        """Return all deployments, those of an endpoint from old to new."""
        with read(self._engine) as connection:
            return [
                deployment_of(row) for row in connection.execute(sa.select(deployments).order_by(_table.generation))
            ]

    def get(self, uid: str) -> Deployment | None:
        """Return a deployment; None when it is gone."""
        with read(self._engine) as connection:
            row = connection.execute(sa.select(deployments).where(_table.uid == uid)).one_or_none()
            return None if row is None else deployment_of(row)

    def of_endpoint(self, endpoint: Endpoint) -> Deployment | None:
        """Return an endpoint's newest deployment."""
        query = sa.select(deployments).where(_table.endpoint_uid == endpoint.uid)
        with read(self._engine) as connection:
            row = connection.execute(query.order_by(_table.generation.desc()).limit(1)).one_or_none()
            return None if row is None else deployment_of(row)

    def restart(self) -> None:
        """Say of every endpoint that answered before this start that it is being brought up again."""
        with write(self._engine) as connection:
            was = endpoints.c.state == State.HEALTHY.value
            connection.execute(endpoints.update().where(was).values(state=State.UNHEALTHY.value, error=RESTARTED))

    def begin_attempt(self, uid: str) -> Deployment | None:
        """Count one more replica with a new secret; return the deployment, None when it is gone."""
        values: dict[str, Any] = {"attempt": _table.attempt + 1, "secret": secrets.token_urlsafe(SECRET_BYTES)}
        return self._change(uid, values | {"replica": "", "log_offset": 0})

    def set_replica(self, uid: str, run: str) -> None:
        """Record which run serves it."""
        self._change(uid, {"replica": run})

    def ready(self, uid: str, backend: str, methods: Sequence[str]) -> list[str] | None:
        """Record that it answers; return the older deployments, retired. None: it is itself not wanted any more."""
        with write(self._engine) as connection:
            deployment = _take(connection, uid)
            if deployment is None or deployment.phase is Phase.RETIRED:
                return None
            connection.execute(deployments.update().where(_table.uid == uid).values(phase=Phase.SERVING.value))
            mine = _table.endpoint_uid == deployment.endpoint_uid
            retired = self.retire(connection, mine & (_table.generation < deployment.generation))
            values = {"backend": backend, "methods": list(methods), "replica": deployment.replica}
            self._set_state(connection, deployment, State.HEALTHY, "", values)
            how = "as ONNX" if backend == "onnx" else f"by the replica {deployment.replica}"
            self._log.note(connection, deployment.endpoint_uid, f"{deployment.label} answers, {how}.")
        self._notify(deployment.endpoint)
        return retired

    def set_state(self, uid: str, state: State, error: str) -> None:
        """Record why it does not answer. FAILED is final: it is not brought up again."""
        with write(self._engine) as connection:
            deployment = _take(connection, uid)
            if deployment is None or deployment.phase is Phase.RETIRED:
                return
            if state is State.FAILED:
                connection.execute(deployments.update().where(_table.uid == uid).values(phase=Phase.FAILED.value))
            error = readable(error, ERROR_CHARACTERS)
            self._set_state(connection, deployment, state, error)
            sentence = f"{deployment.label} is {state}: {error}"
            self._log.note(connection, deployment.endpoint_uid, sentence)
        self._notify(deployment.endpoint)

    def note(self, uid: str, sentence: str) -> None:
        """Append an event to the endpoint's log."""
        with write(self._engine) as connection:
            deployment = _take(connection, uid)
            if deployment is not None and deployment.phase is not Phase.RETIRED:
                self._log.note(connection, deployment.endpoint_uid, sentence.strip())
        if deployment is not None:
            self._notify(deployment.endpoint)

    def copy_log(self, uid: str, offset: int, data: bytes) -> int:
        """Keep a piece of its replica's log that begins at `offset`; return the offset wanted next."""
        with write(self._engine) as connection:
            deployment = _take(connection, uid)
            if deployment is None or offset > deployment.log_offset:
                return 0 if deployment is None else deployment.log_offset
            fresh = data[deployment.log_offset - offset :]
            end = deployment.log_offset + len(fresh)
            connection.execute(deployments.update().where(_table.uid == uid).values(log_offset=end))
            if deployment.phase is not Phase.RETIRED:
                self._log.append(connection, deployment.endpoint_uid, fresh)
        self._notify(deployment.endpoint)
        return end

    def forget(self, uid: str) -> None:
        """Drop a retired deployment whose replica is ended and whose model is released."""
        with write(self._engine) as connection:
            connection.execute(deployments.delete().where(_table.uid == uid))

    def uses(self, endpoint_name: str, model_version: str, without: str = "") -> bool:
        """Tell whether an endpoint of this name needs the model, by another deployment than `without`."""
        endpoint = EndpointName.parse(endpoint_name).endpoint
        which = (_table.endpoint == endpoint) & (_table.phase != Phase.RETIRED.value)
        query = sa.select(deployments).where(which & (_table.uid != without))
        with read(self._engine) as connection:
            others = [deployment_of(row) for row in connection.execute(query)]
        return any(each.endpoint_name == endpoint_name and model_version in each.models for each in others)

    def _set_state(
        self,
        connection: sa.Connection,
        deployment: Deployment,
        state: State,
        error: str,
        values: Mapping[str, Any] | None = None,
    ) -> None:
        newest = (endpoints.c.uid == deployment.endpoint_uid) & (endpoints.c.generation == deployment.generation)
        changed = {"state": state.value, "error": error, **(values or {})}
        connection.execute(endpoints.update().where(newest).values(changed))

    def _change(self, uid: str, values: Mapping[str, Any]) -> Deployment | None:
        with write(self._engine) as connection:
            connection.execute(deployments.update().where(_table.uid == uid).values(values))
            return _find(connection, uid)


def _take(connection: sa.Connection, uid: str) -> Deployment | None:
    """Return a deployment, to be changed with what belongs to its endpoint: one at a time does so."""
    found = _find(connection, uid)
    if found is not None:
        take_turn(connection, "endpoint", found.endpoint)
        found = _find(connection, uid)
    return found


def _find(connection: sa.Connection, uid: str) -> Deployment | None:
    row = connection.execute(sa.select(deployments).where(_table.uid == uid)).one_or_none()
    return None if row is None else deployment_of(row)
