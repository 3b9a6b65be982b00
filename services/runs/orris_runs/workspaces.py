"""Workspaces: what isolates people's work from each other."""

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from orris.errors import AlreadyExists, NotFound
from orris.names import check_id
from orris_kit.database import insert_new
from orris_kit.paging import after_key, page_token
from orris_runs.schema import requests, workspaces
from orris_runs.store import Change, Store

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace; `description` is for people."""

    id: str
    description: str
    create_time: datetime


class Workspaces:
    """The workspaces of this installation. None is ever removed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: set[str] = set()

    def ensure_default(self) -> None:
        """Make the workspace that everybody has from the start."""
        with self._store.change() as change:
            self._insert(change, Workspace(DEFAULT, "", self._store.clock.now()))

    def create(self, workspace: str, description: str, request_id: str, payload: bytes) -> Workspace:
        """Create one. Raises AlreadyExists (WORKSPACE_EXISTS)."""
        check_id("workspace", workspace, field="workspace_id")
        with self._store.change() as change:
            requested = (change.connection, "CreateWorkspace", "", request_id, payload)
            if (made := requests.recall(*requested)) is not None:
                return self._require(change.connection, made)
            new = Workspace(workspace, description, self._store.clock.now())
            if not self._insert(change, new):
                message = f"there is a workspace {workspace!r} already; choose another id, or use it"
                raise AlreadyExists(message, reason="WORKSPACE_EXISTS")
            requests.remember(*requested, workspace)
            return new

    def get(self, workspace: str) -> Workspace:
        """Return one. Raises NotFound (WORKSPACE_NOT_FOUND)."""
        with self._store.look() as connection:
            return self._require(connection, workspace)

    def list(self, only: str | None, size: int, token: str) -> tuple[list[Workspace], str]:
        """Return a page by name, and the token of the next; `only`: nothing but that workspace."""
        query = {"list": "workspaces", "only": only}
        after = after_key(token, query, str)
        chosen = sa.select(workspaces).order_by(workspaces.c.id).limit(size + 1)
        if after:
            chosen = chosen.where(workspaces.c.id > after[0])
        if only is not None:
            chosen = chosen.where(workspaces.c.id == only)
        with self._store.look() as connection:
            found = [Workspace(*row) for row in connection.execute(chosen)]
        more = len(found) > size
        return found[:size], page_token((found[size - 1].id,), query) if more else ""

    def check_exists(self, connection: sa.Connection, workspace: str) -> None:
        """Raise NotFound (WORKSPACE_NOT_FOUND) unless it exists."""
        if workspace not in self._known:
            self._known.add(self._require(connection, workspace).id)

    def _insert(self, change: Change, workspace: Workspace) -> bool:
        """Return whether there was none of that id."""
        return insert_new(change.connection, workspaces, [asdict(workspace)]) == 1

    def _require(self, connection: sa.Connection, workspace: str) -> Workspace:
        if (found := self._find(connection, workspace)) is None:
            message = f"there is no workspace {workspace[:100]!r}; create it, or correct the name"
            raise NotFound(message, reason="WORKSPACE_NOT_FOUND")
        return found

    def _find(self, connection: sa.Connection, workspace: str) -> Workspace | None:
        row = connection.execute(sa.select(workspaces).where(workspaces.c.id == workspace)).one_or_none()
        return Workspace(*row) if row else None
