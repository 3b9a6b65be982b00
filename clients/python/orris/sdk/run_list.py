"""Lists of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from orris.errors import InvalidArgument
from orris.runs.v1 import runs_pb2, runs_service_pb2
from orris.sdk.paging import pages
from orris.sdk.spelling import spell

if TYPE_CHECKING:
    from orris.sdk.run import Run
    from orris.sdk.workspace import Workspace

PAGE = 100
VIEWS = {
    False: runs_pb2.ARCHIVE_VIEW_UNSPECIFIED,
    True: runs_pb2.ARCHIVE_VIEW_ARCHIVED,
    None: runs_pb2.ARCHIVE_VIEW_ALL,
}
KINDS = {
    "training": runs_pb2.RUN_KIND_TRAINING,
    "interactive": runs_pb2.RUN_KIND_INTERACTIVE,
    "sweep": runs_pb2.RUN_KIND_SWEEP,
}


def list_runs(
    workspace: Workspace,
    parent: str,
    *,
    tags: Mapping[str, str] | str | None = None,
    properties: Mapping[str, str] | str | None = None,
    status: str | None = None,
    limit: int | None = None,
    kind: str | None = None,
    parent_run: str = "",
    include_children: bool = False,
    archived: bool | None = False,
    unfinished: bool = False,
) -> Iterator[Run]:
    """Yield the runs of a workspace or experiment that users began, newest first, `limit` at most.

    `tags` and `properties` are what a run must have; a text alone means a key with any value. `status` is Azure's
    spelling. `kind` is "training", "interactive" or "sweep". Children are left out unless `include_children`;
    `archived` is None for all; `unfinished` leaves out those in a final state. Raises InvalidArgument when there is no
    such status or kind.
    """
    from orris.sdk.run import Run

    request = runs_service_pb2.ListRunsRequest(
        parent=parent,
        tags=_wanted(tags),
        properties=_wanted(properties),
        states=[state_number(status)] if status else _unfinished() if unfinished else [],
        kinds=[_kind(kind)] if kind else [],
        parent_run=parent_run,
        view=VIEWS[archived],
        roots_only=not include_children,
        page_size=min(limit or PAGE, PAGE),
    )
    found = pages(workspace.connection.runs.ListRuns, request, lambda page: page.runs)
    for count, each in enumerate(found, 1):
        yield Run(workspace, each)
        if count == limit:
            return


def _wanted(pairs: Mapping[str, str] | str | None) -> dict[str, str]:
    return {pairs: ""} if isinstance(pairs, str) else {key: value or "" for key, value in (pairs or {}).items()}


def _unfinished() -> list[Any]:
    from orris.sdk.run import FINAL

    return [number for number in runs_pb2.Run.State.values() if number and number not in FINAL]


def _kind(kind: str) -> Any:
    if kind not in KINDS:
        raise InvalidArgument(f"kind: {kind!r} is none of {', '.join(KINDS)}", field="kind")
    return KINDS[kind]


def state_number(status: str) -> Any:
    """Return the state that Azure spells so. Raises InvalidArgument when there is none."""
    enum = runs_pb2.Run.State.DESCRIPTOR
    known = {spell(enum, value.number).lower(): value.number for value in enum.values if value.number}
    if status.lower() not in known:
        names = ", ".join(spell(enum, number) for number in known.values())
        raise InvalidArgument(f"status: {status!r} is none of {names}", field="status")
    return known[status.lower()]
