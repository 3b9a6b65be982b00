"""Between the contract's messages and the domain: what runs get and leave."""

from collections.abc import Iterable, Sequence

from orris.artifacts.v1 import data_pb2
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
    return Input(message.name, tree, message.dataset, reading_of(message), mode, message.path_on_compute)


def output_from(message: pb.RunOutput, workspace: str) -> OutputTo:
    """Return what a message asks for; what the server sets is ignored."""
    datastore = DEFAULT_DATASTORE
    if message.datastore:
        name = DatastoreName.parse(message.datastore, field="run.outputs_to.datastore")
        if name.workspace != workspace:
            text = "run.outputs_to.datastore is of another workspace than the run"
            raise InvalidArgument(text, field="run.outputs_to.datastore", reason="INVALID_RUN")
        datastore = name.datastore
    return OutputTo(
        name=message.name,
        datastore=datastore,
        path=message.path,
        register_as=message.register_as,
        description=message.description,
        tags=dict(message.tags),
        table=definition_of(message.table) if message.HasField("table") else "",
    )


def input_message(wanted: Input) -> pb.RunInput:
    """Return the message of an input."""
    message = pb.RunInput(
        name=wanted.name,
        tree=wanted.tree,
        dataset=wanted.dataset,
        mode=wanted.mode.value,  # type: ignore[arg-type]  # the numbers are the contract's
        path_on_compute=wanted.path_on_compute,
        id=dataset_id(wanted.tree.rpartition("/")[2], wanted.table),
    )
    set_reading(message, wanted.table)
    return message


def output_messages(workspace: str, wanted: Iterable[OutputTo], produced: Sequence[Produced]) -> list[pb.RunOutput]:
    """Return the messages of outputs, with what the run has left."""
    left = {each.name: each for each in produced}
    return [
        pb.RunOutput(
            name=each.name,
            datastore=str(DatastoreName(workspace, each.datastore)),
            path=each.path,
            register_as=each.register_as,
            description=each.description,
            tags=each.tags,
            table=_table(each.table),
            tree=left[each.name].tree if each.name in left else "",
            dataset=left[each.name].dataset if each.name in left else "",
        )
        for each in wanted
    ]


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


def _table(definition: str) -> data_pb2.Table | None:
    return table_of(definition) if definition else None
