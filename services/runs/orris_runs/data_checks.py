"""What the data of a submitted run must look like."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from orris.errors import InvalidArgument
from orris.names import DatasetName, DatasetVersionName, TreeName, check_id
from orris.tree_paths import fault_of
from orris_kit.text import is_text
from orris_runs import limits
from orris_runs.data import Input, OutputTo
from orris_runs.model import Kind, NewRun

Add = Callable[[str, str], None]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}", re.ASCII)
# Each has a variable of its name: it must not take the place of one that programs, or their libraries, look at.
_TAKEN = re.compile(
    r"(ORRIS|AZUREML|PYTHON|LD|LC|XDG|OMP|MKL|OPENBLAS|CUDA|NVIDIA)_?.*|PATH|HOME|PWD|OLDPWD|USER|LOGNAME|SHELL|LANG|"
    r"LANGUAGE|TERM|TMPDIR|TEMP|TMP|HOSTNAME|IFS|ENV|DISPLAY|TZ|TRACEPARENT|VIRTUAL_ENV|.*_PROXY|.*_proxy",
    re.ASCII,
)
_PLACEHOLDER = re.compile(r"\$\{\{\s*(inputs|outputs)\.([^}]*?)\s*\}\}")
# Folders of a machine that no data is put into, be it in a container.
_NOT_FOR_DATA = re.compile(r"bin|boot|dev|etc|lib(x?32|64)?|opt|orris|proc|root|run|sbin|sys|usr")
_KEPT = ("outputs", "logs")


def check_data(add: Add, run: NewRun) -> None:
    """Add what is wrong with inputs and outputs, and with the placeholders for them in arguments."""
    program = run.program
    _check_names(add, run)
    if (program.inputs or program.outputs_to) and run.kind is not Kind.TRAINING:
        add("run.inputs", "only training runs get and leave data; leave inputs and outputs_to out")
    if program.outputs_to and run.reuse:
        add("run.reuse", "a run that is not executed puts nothing into a datastore; leave reuse or outputs_to out")
    for each in program.inputs:
        for where, what in _wrong_input(run.workspace, each):
            add(f"run.inputs.{where}", f"{each.name[:100]}: {what}")
    _check_places(add, program.inputs)
    for output in program.outputs_to:
        for where, what in _wrong_output(output):
            add(f"run.outputs_to.{where}", f"{output.name[:100]}: {what}")
    data: list[Input | OutputTo] = [*program.inputs, *program.outputs_to]
    if sum(map(_size, data)) > limits.DATA_BYTES:
        add("run.inputs", f"inputs and outputs_to have at most {limits.DATA_BYTES:,} bytes of text together")
    known = {("inputs", each.name) for each in program.inputs} | {("outputs", each.name) for each in program.outputs_to}
    for kind, name in _placeholders((*program.arguments, *program.command)):
        if (kind, name) not in known:
            stands = f"${{{{{kind}.{name[:100]}}}}} stands for no data of the run"
            hint = f"name that in {kind}, or give the data itself as the argument, and not its text"
            add("run.arguments", f"{stands}; {hint}")
            return


def _check_names(add: Add, run: NewRun) -> None:
    program = run.program
    if len(program.inputs) > limits.INPUTS:
        add("run.inputs", f"at most {limits.INPUTS}")
    if len(program.outputs_to) > limits.OUTPUTS_TO:
        add("run.outputs_to", f"at most {limits.OUTPUTS_TO}")
    seen = {*program.variables, *run.secrets}
    for where, each in [("run.inputs", each.name) for each in program.inputs] + [
        ("run.outputs_to", each.name) for each in program.outputs_to
    ]:
        if not _NAME.fullmatch(each) or _TAKEN.fullmatch(each):
            wanted = "a letter, then letters, digits and _, at most 100, and none of a variable that programs know"
            add(f"{where}.name", f"{each[:100]!r} cannot be the name of a variable for the program: {wanted}")
        elif each in seen:
            add(f"{where}.name", f"{each!r} is there twice, or is a variable of the run; rename it")
        seen.add(each)


def _wrong_input(workspace: str, wanted: Input) -> Iterator[tuple[str, str]]:
    if not (wanted.tree or wanted.dataset):
        yield "dataset", "name a dataset, or the tree of its files"
    kind: Any = DatasetVersionName if wanted.dataset.count("/") > 3 else DatasetName
    for where, name, parse in (("dataset", wanted.dataset, kind.parse), ("tree", wanted.tree, TreeName.parse)):
        try:
            if name and parse(name, field=where).workspace != workspace:
                yield where, f"{name[:200]!r} is of another workspace than the run"
        except InvalidArgument as error:
            yield where, error.message
    if wanted.path_on_compute and (what := _wrong_place(wanted.path_on_compute)):
        yield "path_on_compute", what


def _wrong_place(path: str) -> str:
    fault = fault_of(path.strip("/"))
    if fault or path.startswith("//"):
        return f"{path[:200]!r} {fault or 'begins with two slashes'}"
    first = path.strip("/").split("/")[0]
    if path.startswith("/"):
        taken = _NOT_FOR_DATA.fullmatch(first) or path.strip("/") == "tmp"
        return f"{path[:200]!r} is part of the system; choose another folder" if taken else ""
    return f"{path[:200]!r} is kept as the run's own output; choose another folder" if first in _KEPT else ""


def _check_places(add: Add, inputs: Iterable[Input]) -> None:
    places = sorted((f"{each.path_on_compute.rstrip('/')}/", each.name) for each in inputs if each.path_on_compute)
    for (place, name), (below, other) in pairwise(places):
        if below.startswith(place):
            add("run.inputs.path_on_compute", f"{other[:100]} is inside of {name[:100]}; put them beside each other")
            return


def _wrong_output(wanted: OutputTo) -> Iterator[tuple[str, str]]:
    for where, kind, value in (
        ("datastore", "datastore", wanted.datastore),
        ("register_as", "dataset", wanted.register_as),
    ):
        try:
            if value or kind == "datastore":
                check_id(kind, value, field=where)
        except InvalidArgument as error:
            yield where, error.message
    if wanted.path and (fault := fault_of(wanted.path.strip("/"))):
        yield "path", f"{wanted.path[:200]!r} {fault}"
    if len(wanted.source_globs) > limits.GLOBS:
        yield "source_globs", f"at most {limits.GLOBS}"
    for where, globs in (("source_globs", wanted.source_globs), ("path_glob", filter(None, [wanted.path_glob]))):
        for glob in globs:
            if fault := fault_of(glob.strip("/")):
                yield where, f"{glob[:200]!r} {fault}"
    for where, given in (("path_glob", wanted.path_glob), ("partition_format", wanted.partition_format)):
        if given and not wanted.register_as:
            yield where, "says what is registered; give register_as too"
    if not is_text(wanted.description, limits.DATASET_DESCRIPTION):
        yield "description", f"at most {limits.DATASET_DESCRIPTION} characters"
    if len(wanted.tags) > limits.DATASET_TAGS:
        yield "tags", f"at most {limits.DATASET_TAGS}"
    for key, value in wanted.tags.items():
        if not (key and is_text(key, limits.LABEL_KEY) and is_text(value, limits.DATASET_TAG_VALUE)):
            yield "tags", f"keys have up to {limits.LABEL_KEY} characters, values {limits.DATASET_TAG_VALUE}"


def _size(data: Input | OutputTo) -> int:
    return sum(len(str(value).encode()) for value in asdict(data).values())


def _placeholders(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    for word in words:
        for found in _PLACEHOLDER.finditer(word):
            yield found[1], found[2]
