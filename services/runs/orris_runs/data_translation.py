"""Between the contract's messages and the domain: what runs get and leave."""

from collections.abc import Iterable, Sequence

from orris.errors import InvalidArgument
from orris.names import DatasetVersionName, DatastoreName, TreeName
from orris.runs.v1 import runs_pb2 as pb
from orris.tables import dataset_id, definition_of, plan_of, reading_of, set_reading, table_of
from orris_runs.data import DEFAULT_DATASTORE, Input, Mode, OutputTo, Produced


def input_from(message: pb.RunInput) -> Input:
    """Return what a message asks for; the tree of a dataset is known where the dataset is."""
    try:
        mode = Mode(message.mode)
    except ValueError as error:
        text = f"run.inputs.mode: {message.mode} is not one of the contract's values"
        raise InvalidArgument(text, field="run.inputs.mode") from error
    plan_of(message.table)
    tree = "" if message.dataset else message.tree
    reading, place = reading_of(message), message.path_on_compute
    return Input(message.name, tree, message.dataset, reading, mode, place, message.as_folder)


def output_from(message: pb.RunOutput, workspace: str) -> OutputTo:
    """Return what a message asks for; what the server sets is ignored."""
    datastore = DEFAULT_DATASTORE
    if message.datastore:
        name = DatastoreName.parse(message.datastore, field="run.outputs_to.datastore")
        if name.workspace != workspace:
            text = "run.outputs_to.datastore is of another workspace than the run"
            raise InvalidArgument(text, field="run.outputs_to.datastore", reason="INVALID_RUN")
        datastore = name.datastore
    plan_of(message.table)
    reading_of(message)
    return OutputTo(
        name=message.name,
        datastore=datastore,
        path=message.path,
        register_as=message.register_as,
        description=message.description,
        tags=dict(message.tags),
        table=definition_of(message.table) if message.HasField("table") else "",
        partition_format=message.partition_format,
        source_globs=tuple(message.source_globs),
        keep_existing=message.keep_existing,
        path_glob=message.path_glob,
    )


def input_message(wanted: Input) -> pb.RunInput:
    """Return the message of an input."""
    message = pb.RunInput(
        name=wanted.name,
        tree=wanted.tree,
        dataset=wanted.dataset,
        mode=wanted.mode.value,  # type: ignore[arg-type]  # the numbers are the contract's
        path_on_compute=wanted.path_on_compute,
        as_folder=wanted.as_folder,
        id=dataset_id(wanted.tree.rpartition("/")[2], wanted.table),
    )
    set_reading(message, wanted.table)
    return message


def output_messages(workspace: str, wanted: Iterable[OutputTo], produced: Sequence[Produced]) -> list[pb.RunOutput]:
    """Return the messages of outputs, with what the run has left."""
    left = {each.name: each for each in produced}
    return [_output_message(workspace, each, left.get(each.name)) for each in wanted]


def _output_message(workspace: str, wanted: OutputTo, left: Produced | None) -> pb.RunOutput:
    return pb.RunOutput(
        name=wanted.name,
        datastore=str(DatastoreName(workspace, wanted.datastore)),
        path=wanted.path,
        register_as=wanted.register_as,
        description=wanted.description,
        tags=wanted.tags,
        source_globs=wanted.source_globs,
        keep_existing=wanted.keep_existing,
        path_glob=wanted.path_glob,
        partition_format=wanted.partition_format,
        table=table_of(wanted.table) if wanted.table else None,
        tree=left.tree if left else "",
        dataset=left.dataset if left else "",
    )


def produced_from(messages: Iterable[pb.RunOutput]) -> list[Produced]:
    """Return what an agent says that a run has left. Raises InvalidArgument."""
    return [
        Produced(
            each.name,
            str(TreeName.parse(each.tree, field="outputs_to.tree")),
            str(DatasetVersionName.parse(each.dataset, field="outputs_to.dataset")) if each.dataset else "",
        )
        for each in messages
    ]
