"""The runs below a run: those that it began, and those that were submitted for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from orris.errors import InvalidArgument
from orris.names import RunName
from orris.sdk.run_list import list_runs

if TYPE_CHECKING:
    from orris.sdk.interactive import InteractiveRun
    from orris.sdk.run import Run


def begin_child(run: Run, name: str | None, outputs: str | None) -> InteractiveRun:
    """Begin a child that stands alone: it is held by this program, and ended by it."""
    from orris.sdk.interactive import begin

    return begin(run.workspace, run.message.experiment, name=name, parent=run, outputs=outputs)


def create(
    run: Run, count: int | None, tag_key: str | None, tag_values: Iterable[object] | None
) -> list[InteractiveRun]:
    """Begin so many children, or one for each value of a tag."""
    values = None if tag_values is None else list(tag_values)
    if (count is None) == (tag_key is None or values is None):
        raise InvalidArgument("give either count, or tag_key and tag_values", field="count")
    if values is None:
        return [run.child_run() for _ in range(count or 0)]
    if count is not None and count != len(values):
        raise InvalidArgument(f"count: {len(values)} tag values for {count} children", field="count")
    children = []
    for value in values:
        children.append(child := run.child_run())
        child.tag(str(tag_key), value)
    return children


def below(
    run: Run,
    *,
    recursive: bool = False,
    tags: Mapping[str, str] | str | None = None,
    properties: Mapping[str, str] | str | None = None,
    status: str | None = None,
    kind: str | None = None,
) -> Iterator[Run]:
    """Yield the children of a run that have the tags, properties, status and kind given, newest first.

    With `recursive` each is followed by those below it, whether or not it is wanted itself.
    """
    everything = {"archived": None, "include_children": True}
    wanted = list_runs(
        run.workspace,
        run.workspace.resource_name,
        tags=tags,
        properties=properties,
        status=status,
        kind=kind,
        parent_run=run.resource_name,
        **everything,  # type: ignore[arg-type]  # the parameters of those names
    )
    if not recursive:
        yield from wanted
        return
    matching = {child.id: child for child in wanted}
    children = list_runs(
        run.workspace,
        run.workspace.resource_name,
        parent_run=run.resource_name,
        **everything,  # type: ignore[arg-type]  # the same
    )
    for child in children:
        if child.id in matching:
            yield matching[child.id]
        yield from below(child, recursive=True, tags=tags, properties=properties, status=status, kind=kind)


def parent_of(run: Run) -> Run | None:
    """Return the run that a run is a child of; None when it is none."""
    from orris.sdk.run import Run

    if not run.message.parent_run:
        return None
    return Run.get(run.workspace, RunName.parse(run.message.parent_run).run)
