"""Names that can be imported inside a run, but only do something where runs are submitted."""

from ._exceptions import NotInsideRunException


def explain(name: str) -> NotInsideRunException:
    """Return the exception for the use of `name`."""
    return NotInsideRunException(
        "%s is not available inside a run: what it does is done by the program that submits runs. Move it there, "
        "or guard it with `if run.id.startswith('OfflineRun')`." % name
    )


class PlaceholderType(type):
    """The type of placeholders: classes that can be named, tested for and inherited from, but not used."""

    def __call__(cls, *args, **kwargs):
        raise explain(cls.__name__)

    def __getattr__(cls, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("%s.%s" % (cls.__name__, name))


def placeholder(name: str, module) -> PlaceholderType:
    """Return the placeholder for `module`.`name`."""
    return PlaceholderType(name, (), {"__module__": module, "__doc__": "Not available inside a run."})
