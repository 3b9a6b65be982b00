"""`dataset.register` inside a run: its agent does that, with files that it has, or finds in the run's folder."""

import os


def register(dataset, wanted: dict) -> dict:
    """Return what the agent says of the version that it has registered. Raises UserErrorException."""
    from ._registered import asked

    given = dataset._given
    wanted = dict(wanted, table=given["table"])
    if not given["dataset"] and "name" not in given:
        return _made(dataset, wanted)
    if "name" in given:
        wanted["input"] = given["name"]
    else:
        wanted["dataset"] = {"name": dataset.name, "version": dataset.version}
    return asked("register_dataset", dict(wanted, paths=dataset._chosen), "%s.register" % type(dataset).__name__)


def _made(dataset, wanted: dict) -> dict:
    """Register files that the program has made: the agent finds them in the run's folder alone."""
    import shutil

    from ._registered import asked
    from ._surroundings import run_folder

    name = os.urandom(16).hex()
    place = os.path.join(run_folder(), "register", name)
    try:
        dataset.download(place)
        return asked("register_dataset", dict(wanted, folder=name), "%s.register" % type(dataset).__name__)
    finally:
        shutil.rmtree(place, ignore_errors=True)
