"""Headers, and the values of queries and forms, as flask has them."""


class Headers(dict):
    """Headers by name, whatever its case."""

    def __init__(self, headers=()) -> None:
        super().__init__()
        for name, value in dict(headers or {}).items():
            self[name] = value

    def __getitem__(self, name):
        return super().__getitem__(name.title())

    def __setitem__(self, name, value) -> None:
        super().__setitem__(name.title(), str(value))

    def __delitem__(self, name) -> None:
        super().__delitem__(name.title())

    def __contains__(self, name) -> bool:
        return super().__contains__(str(name).title())

    def get(self, name, default=None, type=None):  # noqa: A002  flask's name
        """Return a header; `type` makes it something else than text."""
        value = super().get(name.title(), default)
        return value if type is None or value is default else type(value)

    def add(self, name, value) -> None:
        """Add a value to those that the header has."""
        self[name] = "%s, %s" % (self[name], value) if name in self else value

    add_header = add
    set = __setitem__


class Values(dict):
    """Values of a query or form: the first by name, all of them by `getlist`."""

    def __init__(self, lists) -> None:
        super().__init__((name, values[0]) for name, values in lists.items())
        self._lists = lists

    def get(self, name, default=None, type=None):  # noqa: A002  flask's name
        """Return the first value; `type` makes it something else than text, the default where that is impossible."""
        if name not in self:
            return default
        try:
            return self[name] if type is None else type(self[name])
        except ValueError:
            return default

    def getlist(self, name):
        """Return all values."""
        return list(self._lists.get(name, ()))
