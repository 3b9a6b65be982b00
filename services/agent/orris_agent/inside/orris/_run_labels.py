"""The tags and properties of a run: those it was submitted with, and what its journal says it did to them."""

from . import _values
from ._exceptions import UserErrorException


class RunLabels:
    """A run's tags and properties. Needs the run's `_journal` and `_ask_run`."""

    @property
    def tags(self) -> dict:
        """The run's tags."""
        return self.get_tags()

    @property
    def properties(self) -> dict:
        """The run's properties."""
        return self.get_properties()

    def tag(self, key: str, value=None) -> None:
        """Set a tag."""
        self.set_tags({key: value})

    def set_tags(self, tags) -> None:
        """Set tags."""
        self._journal.append(
            *[
                {"event": "tag", "key": _values.name(key, "a tag"), "value": None if value is None else _text(value)}
                for key, value in tags.items()
            ]
        )

    def remove_tags(self, tags) -> None:
        """Remove the tags with the given keys (a list, or one)."""
        keys = [tags] if isinstance(tags, str) else list(tags)
        self._journal.append(*[{"event": "untag", "key": _values.name(key, "a tag")} for key in keys])

    def get_tags(self) -> dict:
        """Return the run's tags: those it was submitted with, and what it did to them."""
        tags = dict(self._ask_run().get("tags") or {})
        for event in self._journal.read():
            if event.get("event") == "tag":
                tags[event["key"]] = event["value"]
            elif event.get("event") == "untag":
                tags.pop(event["key"], None)
        return tags

    def add_properties(self, properties) -> None:
        """Add properties. They are immutable: raises UserErrorException for another value of one that is set."""
        known = self.get_properties()
        new = {_values.name(key, "a property"): _text(value) for key, value in properties.items()}
        for key, value in new.items():
            if known.get(key, value) != value:
                raise UserErrorException(
                    "the property %r is %r already and cannot become %r: properties are immutable, use a tag"
                    % (key, known[key], value)
                )
        self._journal.append(
            *[{"event": "property", "key": key, "value": value} for key, value in new.items() if key not in known]
        )

    def get_properties(self) -> dict:
        """Return the run's properties."""
        properties = dict(self._ask_run().get("properties") or {})
        for event in self._journal.read():
            if event.get("event") == "property":
                properties.setdefault(event["key"], event["value"])
        return properties


def _text(value):
    return _values.text(value if isinstance(value, str) else str(value))
