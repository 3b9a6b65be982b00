"""Environments, as far as a run needs them: their names, for what it submits below itself."""

from ._exceptions import UserErrorException
from ._placeholder import PlaceholderType, explain


class Environment(metaclass=PlaceholderType):
    """An environment of the workspace. It is looked for when something is submitted with it."""

    @staticmethod
    def get(workspace=None, name=None, version=None, **kwargs) -> "Environment":
        """Return an environment by its name: of the latest version unless one is given."""
        if not name:
            raise UserErrorException("name: say which environment")
        return named(name, version)

    def __str__(self) -> str:
        return "%s:%s" % (self.name, self.version) if self.version else self.name

    def __repr__(self) -> str:
        return "Environment(name=%r, version=%r)" % (self.name, self.version)

    def __getattr__(self, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("Environment.%s" % name)


def named(name, version, variables=None) -> Environment:
    """Return the environment of that name."""
    found = object.__new__(Environment)
    found.name = str(name)
    found.version = None if version in (None, "", "latest") else str(version)
    if variables is not None:
        found.environment_variables = dict(variables)
    return found
