"""Names that can be imported inside a run, but only do something where runs are submitted."""

from ._exceptions import NotInsideRunException

_MADE_OUTSIDE = (
    "Give the run its data as an input, or register it where runs are submitted: then there is "
    "Dataset.get_by_name(run.experiment.workspace, name). "
)
_LEAVE = (
    "Write what is to be kept into a folder that the run is given as an argument: OutputFileDatasetConfig(name, "
    "(datastore, path)), with .register_on_complete(name) where it is to be a dataset. "
)
# By the last word of a name, or its first.
_INSTEAD = {
    "Datastore": _LEAVE + _MADE_OUTSIDE,
    "File": _MADE_OUTSIDE,
    "FileDatasetFactory": _MADE_OUTSIDE,
    "Tabular": _MADE_OUTSIDE,
    "TabularDatasetFactory": _MADE_OUTSIDE,
    "datastores": _LEAVE + _MADE_OUTSIDE,
    "get_default_datastore": _LEAVE + _MADE_OUTSIDE,
    "register_pandas_dataframe": _LEAVE,
    "upload_directory": _LEAVE,
}


def explain(name: str) -> NotInsideRunException:
    """Return the exception for the use of `name`."""
    words = name.split(".")
    instead = next((_INSTEAD[word] for word in reversed(words) if word in _INSTEAD), "")
    return NotInsideRunException(
        "%s is not available inside a run: what it does is done by the program that submits runs. %sMove it there, "
        "or guard it with `if run.id.startswith('OfflineRun')`." % (name, instead)
    )


class ExplainingType(type):
    """The type of classes that explain what they have not."""

    def __getattr__(cls, name: str):
        if name.startswith("_"):
            raise AttributeError(name)
        raise explain("%s.%s" % (cls.__name__, name))


class PlaceholderType(ExplainingType):
    """The type of placeholders: classes that can be named, tested for and inherited from, but not used."""

    def __call__(cls, *args, **kwargs):
        raise explain(cls.__name__)


def placeholder(name: str, module) -> PlaceholderType:
    """Return the placeholder for `module`.`name`."""
    return PlaceholderType(name, (), {"__module__": module, "__doc__": "Not available inside a run."})
