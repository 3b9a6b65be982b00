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


def named(dataset: str) -> tuple:
    """Return the name and version of a registered dataset; empty ones where it is not."""
    parts = dataset.split("/")
    return (parts[3], parts[5]) if len(parts) == 6 else ("", "")


def input_details(read) -> list:
    """Return the run's inputs, and what it has `read` without having been given it, as `get_details` says them."""
    given = [
        (each, {"type": "RunInput", "inputName": each["name"], "mechanism": each["mode"].capitalize()})
        for each in record()["inputs"]
    ]
    asked = [(each, {"type": "Reference"}) for each in read]
    return [{"dataset": _identity(each), "consumptionDetails": how} for each, how in given + asked]


def output_details() -> list:
    """Return the folders that the run is to fill as `get_details` says them: nothing is registered yet."""
    return [
        {"dataset": None, "outputType": "RunOutput", "outputDetails": {"outputName": name}} for name in output_folders()
    ]


def _identity(dataset: dict) -> dict:
    name, version = named(dataset["dataset"])
    found = {"id": dataset["id"]}
    return dict(found, name=name, version=int(version)) if name else found
