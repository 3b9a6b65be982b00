"""What data a run was given, and where it leaves what is to be kept: the agent says so in a file."""

import json
import os


def record() -> dict:
    """Return what the agent says: `inputs` and `outputs`."""
    place = os.environ.get("ORRIS_DATA")
    if not place:
        return {"inputs": [], "outputs": []}
    with open(place, encoding="utf-8") as file:
        return json.load(file)


class InputDatasets(dict):
    """The run's inputs by name: where the files are, or the dataset where it was given as such."""

    def __init__(self) -> None:
        super().__init__()
        for given in record()["inputs"]:
            if given["mode"] == "direct":
                from ._data import make

                self[given["name"]] = make(given)
            else:
                self[given["name"]] = given["path"]

    def __missing__(self, name: str):
        raise KeyError("the run has no input dataset %r; it has %s" % (name, ", ".join(self) or "none"))


def output_folders() -> dict:
    """Return the folders that the run is to fill, by name."""
    return {each["name"]: each["folder"] for each in record()["outputs"]}
