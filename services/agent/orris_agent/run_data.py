"""Where the data of a run is: for the agent, which puts it there, and for the program, which is told."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from orris.artifacts.v1 import data_pb2
from orris.partitions import partition_of
from orris.runs.v1 import runs_pb2 as runs
from orris.tables import plan_of
from orris_agent.folder import INSIDE_RUN, RunFolder

INSIDE_INPUTS = Path("/orris/inputs")
LEFT = "leave"  # the folder of what a run is to leave, in what it writes

_PLACEHOLDER = re.compile(r"\$\{\{\s*(inputs|outputs)\.(\w+)\s*\}\}")
_MODES = {
    runs.RunInput.MODE_DIRECT: "direct",
    runs.RunInput.MODE_DOWNLOAD: "download",
    runs.RunInput.MODE_MOUNT: "mount",
}


@dataclass(frozen=True)
class Place:
    """Where an input is: `source` on this machine, `inside` for the program. A `bound` one is mounted there alone."""

    source: Path
    inside: Path
    read_only: bool
    bound: bool = False


class RunData:
    """The inputs of a run, and what it is to leave, in its folder."""

    def __init__(self, run: runs.Run, folder: RunFolder) -> None:
        self._run = run
        self._folder = folder
        self._own_inside = INSIDE_RUN if folder.contained else folder.own

    def place(self, wanted: runs.RunInput) -> Place:
        """Return where an input is: where it was asked to be, unless that is a folder of a process's machine."""
        folder, wish = self._folder, "" if self._is_displaced(wanted) else wanted.path_on_compute
        read_only = wanted.mode != runs.RunInput.MODE_DOWNLOAD
        absolute = wish.startswith("/")
        if wish and not absolute and not (folder.contained and read_only):
            return Place(folder.work / wish, self._own_inside / "work" / wish, read_only)
        source = (folder.root / "inputs" if read_only else folder.own / "downloads") / wanted.name
        if wish:
            inside = Path(wish) if absolute else self._own_inside / "work" / wish
            return Place(source, inside, read_only, bound=True)
        if not folder.contained:
            return Place(source, source, read_only)
        if read_only:
            return Place(source, INSIDE_INPUTS / wanted.name, read_only, bound=True)
        return Place(source, INSIDE_RUN / "downloads" / wanted.name, read_only)

    def displaced(self) -> list[str]:
        """Return a warning for each input that is not where it was asked to be."""
        return [
            f"The input {each.name} is at {self.place(each).inside}, as its argument and variable say, and not at "
            f"{each.path_on_compute}: a process shares its machine's folders with others. What reads it there by that "
            "name needs a container (isolation `container`; use_docker)."
            for each in self._run.inputs
            if self._is_displaced(each)
        ]

    def _is_displaced(self, wanted: runs.RunInput) -> bool:
        return wanted.path_on_compute.startswith("/") and not self._folder.contained

    def bound(self) -> Iterator[Place]:
        """Yield what a container has mounted beside its own folders; links are resolved."""
        for place in map(self.place, self._run.inputs):
            if place.bound:
                yield replace(place, source=place.source.resolve())

    def in_work(self) -> list[str]:
        """Return the folders of the working directory that inputs take."""
        return [each.path_on_compute.strip("/") for each in self._run.inputs if _is_relative(each)]

    def to_fill(self) -> dict[str, Path]:
        """Return the folders on this machine that the run is to fill, by their names."""
        return {each.name: self._folder.own / LEFT / each.name for each in self._run.outputs_to}

    def argument(self, word: str) -> str:
        """Return an argument with what stands for data exchanged for where it is."""
        return _PLACEHOLDER.sub(lambda found: self._values.get((found[1], found[2]), found[0]), word)

    def variables(self, record: Path) -> dict[str, str]:
        """Return the program's variables for its data; `record` is where it finds `self.record()`."""
        if not (self._run.inputs or self._run.outputs_to):
            return {}
        result = {"ORRIS_DATA": str(record)}
        for (_, name), value in self._values.items():
            result |= {name: value, f"AZUREML_DATAREFERENCE_{name}": value}
        modes = ",".join(f"{each.name}:{_MODES[each.mode]}" for each in self._run.inputs)
        return result | {"AZUREML_DATASET_ENVIRONMENT_VARS": modes}

    def record(self) -> dict[str, Any]:
        """Return what the library inside a run knows of its data, for JSON."""
        inputs = [
            {
                "name": each.name,
                "dataset": each.dataset,
                "id": each.id,
                "mode": _MODES[each.mode],
                "folder": str(self.place(each).inside),
                "path": str(self._path(each)),
                **read_as(each),
            }
            for each in self._run.inputs
        ]
        outputs = [{"name": each.name, "folder": self._values["outputs", each.name]} for each in self._run.outputs_to]
        return {"inputs": inputs, "outputs": outputs}

    @property
    def _values(self) -> Mapping[tuple[str, str], str]:
        """What the program is told for each: an id, a folder, or the file where that is all there is."""
        direct = runs.RunInput.MODE_DIRECT
        inputs = {
            ("inputs", each.name): each.id if each.mode == direct else str(self._path(each))
            for each in self._run.inputs
        }
        left = {("outputs", each.name): str(self._own_inside / LEFT / each.name) for each in self._run.outputs_to}
        return inputs | left

    def _path(self, wanted: runs.RunInput) -> Path:
        place = self.place(wanted)
        if wanted.as_folder:
            return place.inside
        files = list(islice(_files(place.source), 2))
        return place.inside / files[0] if len(files) == 1 else place.inside


def read_as(message: runs.RunInput | data_pb2.DatasetVersion) -> dict[str, Any]:
    """Return how files are read: as a `table`, or as files; `partition` is what the paths of those are looked for."""
    if message.HasField("table"):
        return {"table": plan_of(message.table), "partition": None}
    return {"table": None, "partition": partition_of(message.partition_format) if message.partition_format else None}


def _files(top: Path) -> Iterator[Path]:
    """Yield the paths of the files below a folder that no run has written to."""
    for parent, _, names in os.walk(top):
        yield from (Path(parent, name).relative_to(top) for name in names)


def _is_relative(wanted: runs.RunInput) -> bool:
    return bool(wanted.path_on_compute) and not wanted.path_on_compute.startswith("/")
