"""Tags and properties: tags change, a property once set keeps its value."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from orris.errors import FailedPrecondition, FieldViolation, InvalidArgument, ResourceExhausted
from orris_runs import limits
from orris_runs.checks import check_labels
from orris_runs.model import Run
from orris_runs.own_labels import keep
from orris_runs.reading import Reading
from orris_runs.schema import properties, runs, tags
from orris_runs.store import Store, run_changed


@dataclass(frozen=True, slots=True)
class Update:
    """What to change of a run. `display_name`: None leaves it."""

    set_tags: Mapping[str, str] = field(default_factory=dict)
    remove_tags: Collection[str] = ()
    set_properties: Mapping[str, str] = field(default_factory=dict)
    display_name: str | None = None


class Labels:
    """Changes the tags, properties and display names of runs, in any state of theirs."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._reading = reading

    def update(self, workspace: str, run: str, update: Update) -> Run:
        """Apply all of an update, or nothing; return the run.

        Raises NotFound (RUN_NOT_FOUND), FailedPrecondition (PROPERTY_SET), ResourceExhausted when there are too many.
        """
        _check(update)
        with self._store.change() as change:
            connection = change.connection
            row = self._reading.require_row(connection, workspace, run, lock=True)
            key = row.key
            remove_tags(connection, key, update.remove_tags)
            for name, value in update.set_tags.items():
                _demand(set_tag(connection, key, name, value), "tags")
            for name, value in update.set_properties.items():
                _demand(_set_property(connection, key, name, value), "properties")
            keep(connection, row, tags, [*update.remove_tags, *update.set_tags])
            keep(connection, row, properties, update.set_properties)
            if update.display_name is not None:
                renamed = runs.update().where(runs.c.key == key).values(display_name=update.display_name)
                connection.execute(renamed)
            change.wake(run_changed(key))
            return self._reading.load(connection, workspace, run)


def set_tag(connection: sa.Connection, key: int, name: str, value: str) -> bool:
    """Set a tag; return False when the run has too many for another one."""
    changed = connection.execute(tags.update().where(tags.c.run_key == key, tags.c.key == name).values(value=value))
    return bool(changed.rowcount) or _insert(connection, tags, key, name, value)


def remove_tags(connection: sa.Connection, key: int, names: Iterable[str]) -> None:
    """Remove tags; those that are not set are passed over."""
    connection.execute(tags.delete().where(tags.c.run_key == key, tags.c.key.in_(list(names))))


def property_value(connection: sa.Connection, key: int, name: str) -> str | None:
    """Return the value that a property has; None when it is not set."""
    chosen = sa.select(properties.c.value).where(properties.c.run_key == key, properties.c.key == name)
    return connection.execute(chosen).scalar_one_or_none()


def insert_property(connection: sa.Connection, key: int, name: str, value: str) -> bool:
    """Set a property that is not set; return False when the run has too many for another one."""
    return _insert(connection, properties, key, name, value)


def _set_property(connection: sa.Connection, key: int, name: str, value: str) -> bool:
    known = property_value(connection, key, name)
    if known is None:
        return insert_property(connection, key, name, value)
    if known != value:
        message = f"the property {name!r} is {known[:100]!r} already; properties never change, use a tag"
        raise FailedPrecondition(message, reason="PROPERTY_SET")
    return True


def _insert(connection: sa.Connection, table: sa.Table, key: int, name: str, value: str) -> bool:
    counted = sa.select(sa.func.count()).select_from(table).where(table.c.run_key == key)
    if connection.execute(counted).scalar_one() >= limits.TAGS:
        return False
    connection.execute(table.insert().values(run_key=key, key=name, value=value))
    return True


def _demand(done: bool, what: str) -> None:
    if not done:
        raise ResourceExhausted(f"a run has at most {limits.TAGS} {what}; remove some", reason="TOO_MANY_LABELS")


def _check(update: Update) -> None:
    violations: list[FieldViolation] = []

    def add(where: str, what: str) -> None:
        violations.append(FieldViolation(where, f"{where}: {what}"))

    check_labels(add, "set_tags", update.set_tags)
    check_labels(add, "set_properties", update.set_properties)
    name = update.display_name
    if name is not None and (len(name) > limits.DISPLAY_NAME or "\0" in name):
        add("display_name", f"at most {limits.DISPLAY_NAME} characters")
    if violations:
        raise InvalidArgument(violations[0].description, violations=violations, reason="INVALID_RUN")
