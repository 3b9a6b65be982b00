"""The data of runs: what may be asked for, what is kept for it, and how a version's runs are found."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from orris.artifacts.v1 import data_pb2
from orris.errors import FailedPrecondition, InvalidArgument, ResourceExhausted, Unavailable
from orris.names import DatasetVersionName, RunName
from orris.runs.v1 import runs_pb2
from orris.tables import is_table
from orris_runs import limits
from orris_runs.checks import check_run
from orris_runs.data import Input, Mode, OutputTo, Produced, Read
from orris_runs.data_translation import input_from, input_message, output_from, output_messages
from orris_runs.leases import Outcome
from orris_runs.model import Kind
from orris_runs.reading import RunQuery
from orris_runs.references import References
from orris_runs.states import State

from .conftest import NEW, World
from .test_references import DATA, FakeArtifacts, submitting

MADE = f"workspaces/default/trees/{'e' * 64}"
IRIS = "workspaces/default/datasets/iris"


def with_data(*inputs: Input, outputs: tuple[OutputTo, ...] = (), **program: Any) -> Any:
    return replace(NEW, program=replace(NEW.program, inputs=inputs, outputs_to=outputs, **program))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Input("", DATA), "cannot be the name of a variable"),
        (Input("a-b", DATA), "cannot be the name of a variable"),
        (Input("../../etc", DATA), "cannot be the name of a variable"),
        (Input("PATH", DATA), "cannot be the name of a variable"),
        (Input("PYTHONSTARTUP", DATA), "cannot be the name of a variable"),
        (Input("LD_PRELOAD", DATA), "cannot be the name of a variable"),
        (Input("ORRIS_RUN_FOLDER", DATA), "cannot be the name of a variable"),
        (Input("https_proxy", DATA), "cannot be the name of a variable"),
        (Input("x"), "name a dataset"),
        (Input("x", dataset="iris"), "must look like"),
        (Input("x", dataset="workspaces/other/datasets/iris"), "another workspace"),
        (Input("x", "workspaces/other/trees/" + "a" * 64), "another workspace"),
        (Input("x", DATA, path_on_compute="../x"), "path_on_compute"),
        (Input("x", DATA, path_on_compute="a/../../x"), "path_on_compute"),
        (Input("x", DATA, path_on_compute="/"), "path_on_compute"),
        (Input("x", DATA, path_on_compute="//tmp/x"), "two slashes"),
        (Input("x", DATA, path_on_compute="/etc/cron.d"), "part of the system"),
        (Input("x", DATA, path_on_compute="/orris/control"), "part of the system"),
        (Input("x", DATA, path_on_compute="/lib64/x"), "part of the system"),
        (Input("x", DATA, path_on_compute="/tmp/"), "part of the system"),
        (Input("x", DATA, path_on_compute="outputs/x"), "kept as the run's own output"),
        (Input("x", DATA, path_on_compute="a\0b"), "path_on_compute"),
    ],
)
def test_an_input_that_cannot_be_is_refused(wanted: Input, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as refused:
        check_run(with_data(wanted))
    assert refused.value.reason == "INVALID_RUN"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (OutputTo("HOME"), "cannot be the name of a variable"),
        (OutputTo("x", datastore="no such/name"), "datastore"),
        (OutputTo("x", path="../up"), "path"),
        (OutputTo("x", register_as="a/b"), "register_as"),
        (OutputTo("x", tags={"": "v"}), "tags"),
        (OutputTo("x", description="x" * 5000), "description"),
        (OutputTo("x", source_globs=["../*"]), "source_globs"),
        (OutputTo("x", source_globs=["*"] * 101), "source_globs: x: at most 100"),
        (OutputTo("x", register_as="d", path_glob="a//b"), "path_glob"),
        (OutputTo("x", path_glob="*.csv"), "path_glob: x: says what is registered"),
        (OutputTo("x", partition_format="/{a}.csv"), "partition_format: x: says what is registered"),
    ],
)
def test_an_output_that_cannot_be_is_refused(wanted: OutputTo, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        check_run(with_data(outputs=(wanted,)))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (with_data(Input("x", DATA), Input("x", DATA)), "there twice"),
        (with_data(Input("x", DATA), outputs=(OutputTo("x"),)), "there twice"),
        (with_data(Input("x", DATA), variables={"x": "1"}), "there twice, or is a variable"),
        (with_data(*(Input(f"x{n}", DATA) for n in range(201))), "at most 200"),
        (with_data(outputs=tuple(OutputTo(f"x{n}") for n in range(21))), "at most 20"),
        (with_data(*(Input(f"x{n}", DATA, table="t" * 10_000) for n in range(110))), "1,048,576 bytes"),
        (
            with_data(Input("x", DATA, path_on_compute="d"), Input("y", DATA, path_on_compute="d/e/")),
            "y is inside of x",
        ),
        (with_data(Input("x", DATA), arguments=["${{inputs.y}}"]), "stands for no data"),
        (with_data(Input("x", DATA), arguments=["--out=${{outputs.x}}/a"]), "stands for no data"),
        (replace(with_data(Input("x", DATA)), kind=Kind.REPLICA), "only training runs"),
        (replace(with_data(outputs=(OutputTo("x"),)), reuse=True), "run.reuse"),
    ],
)
def test_data_that_does_not_go_together_is_refused(run: Any, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said.replace("{", r"\{")):
        check_run(run)


def test_data_that_can_be_is_taken() -> None:
    check_run(
        with_data(
            Input("x", DATA, path_on_compute="data/x"),
            Input("y", dataset=IRIS, path_on_compute="/tmp/y"),
            outputs=(OutputTo("clean", path="here/{run-id}", register_as="iris clean"),),
            arguments=["--x=${{ inputs.x }}", "${{inputs.y}}", "${{outputs.clean}}"],
        )
    )


async def test_a_dataset_becomes_the_version_and_the_files_that_it_is_now(world: World) -> None:
    artifacts = FakeArtifacts()
    run = await submitting(world.core, artifacts).submit(with_data(Input("x", dataset=IRIS)), "", b"")
    (given,) = world.get(run).program.inputs
    assert given == Input("x", DATA, f"{IRIS}/versions/1", mode=Mode.MOUNT)
    assert set(artifacts.references[run.name]) == {NEW.program.snapshot, DATA}


def test_that_a_folder_is_wanted_comes_back() -> None:
    asked = runs_pb2.RunInput(name="x", tree=DATA, mode=runs_pb2.RunInput.MODE_MOUNT, as_folder=True)
    assert input_message(input_from(asked)).as_folder


def test_what_is_chosen_of_an_output_comes_back_and_needs_an_agent_that_knows_how() -> None:
    asked = runs_pb2.RunOutput(
        name="x", register_as="d", source_globs=["*.csv"], keep_existing=True, path_glob="a/*", partition_format="/{a}"
    )
    wanted = output_from(asked, "default")
    (answered,) = output_messages("default", [wanted], [])
    asked.datastore = "workspaces/default/datastores/workspaceblobstore"
    assert answered == asked
    assert "choosing-outputs" in with_data(outputs=(wanted,)).needs.abilities
    assert "choosing-outputs" not in with_data(outputs=(OutputTo("x", register_as="d"),)).needs.abilities
    for wrong in (
        {"partition_format": "/none"},
        {"table": data_pb2.Table(format=data_pb2.Table.FORMAT_PARQUET), "partition_format": "/{a}"},
        {"table": data_pb2.Table(format=data_pb2.Table.FORMAT_PARQUET, partition_format="/none")},
    ):
        with pytest.raises(InvalidArgument, match="partition_format"):
            output_from(runs_pb2.RunOutput(name="x", **wrong), "default")


def test_what_paths_of_files_say_makes_them_no_table() -> None:
    message = runs_pb2.RunInput(name="x", tree=DATA, partition_format="/{country}.csv")
    wanted = input_from(message)
    assert not is_table(wanted.table)
    assert (input_message(wanted).partition_format, input_message(wanted).HasField("table")) == (
        "/{country}.csv",
        False,
    )
    assert input_message(wanted).id != input_message(Input("x", DATA)).id
    for wrong in (
        {"partition_format": "/none"},
        {"partition_format": "/{a}", "table": data_pb2.Table(format=data_pb2.Table.FORMAT_PARQUET)},
    ):
        with pytest.raises(InvalidArgument, match="partition_format"):
            input_from(runs_pb2.RunInput(name="x", tree=DATA, **wrong))


async def test_what_a_run_had_and_made_is_kept_as_long_as_the_run(world: World) -> None:
    artifacts = FakeArtifacts()
    world.agent()
    submit = submitting(world.core, artifacts)
    run = await submit.submit(with_data(Input("x", DATA), outputs=(OutputTo("clean"),)), "", b"")
    lease = world.lease_of(run)
    produced = [Produced("clean", MADE, f"{IRIS}/versions/2")]
    for _ in range(2):  # the answer of the first may have been lost
        await submit.finish(lease, Outcome(State.COMPLETED, produced=produced))
    assert set(artifacts.references[run.name]) == {NEW.program.snapshot, DATA, MADE}
    assert world.get(run).produced == produced
    world.core.deletion.delete("default", run.id)
    await References(world.core, artifacts).put_right(RunName("default", run.id))
    assert artifacts.references == {}
    while world.core.deletion.remove_some():
        pass


def found(world: World, dataset: str) -> list[str]:
    return [run.id for run in world.core.reading.page(RunQuery("default", dataset=dataset), 10, "").items]


async def test_the_runs_of_a_version_are_found(world: World) -> None:
    world.agent()
    submit = submitting(world.core, FakeArtifacts())
    first = await submit.submit(with_data(Input("x", dataset=IRIS), outputs=(OutputTo("clean"),)), "", b"")
    await submit.submit(with_data(), "", b"")
    made = Produced("clean", MADE, f"{IRIS}_clean/versions/3")
    await submit.finish(world.lease_of(first), Outcome(State.COMPLETED, produced=[made]))
    assert found(world, f"{IRIS}/versions/1") == [first.id]
    assert found(world, f"{IRIS}_clean/versions/3") == [first.id]
    assert found(world, f"{IRIS}/versions/2") == []


def read(name: str) -> DatasetVersionName:
    return DatasetVersionName.parse(f"workspaces/default/datasets/{name}")


async def test_what_a_run_read_without_having_been_given_it_is_known_and_kept_as_an_input_is(world: World) -> None:
    artifacts = FakeArtifacts()
    submit = submitting(world.core, artifacts)
    world.agent()
    run = await submit.submit(with_data(outputs=(OutputTo("clean"),)), "", b"")
    lease = world.lease_of(run)
    await asyncio.gather(*(submit.read(lease, read("iris/versions/4")) for _ in range(2)))
    assert found(world, f"{IRIS}/versions/4") == [run.id]
    assert world.get(run).datasets_read == [Read(f"{IRIS}/versions/4", DATA, "id-of-data")]
    assert set(artifacts.references[run.name]) == {NEW.program.snapshot, DATA}
    await submit.finish(lease, Outcome(State.COMPLETED, produced=[Produced("clean", MADE)]))
    assert set(artifacts.references[run.name]) == {NEW.program.snapshot, DATA, MADE}


async def test_what_a_run_reads_is_kept_before_the_run_is_told_that_it_may(world: World) -> None:
    """Nobody else may need the files by then."""
    artifacts = FakeArtifacts()
    submit = submitting(world.core, artifacts)
    world.agent()
    run, lease = world.start()

    async def lost() -> None:
        raise Unavailable("the artifacts service is away")

    artifacts.before = lost
    with pytest.raises(Unavailable):
        await submit.read(lease, read("iris/versions/4"))
    assert (world.get(run).datasets_read, found(world, f"{IRIS}/versions/4")) == ([], [])


async def test_only_a_run_that_is_executed_reads_and_only_of_its_workspace(world: World) -> None:
    artifacts = FakeArtifacts()
    submit = submitting(world.core, artifacts)
    world.agent()
    _run, lease = world.start()
    with pytest.raises(InvalidArgument, match="another workspace"):
        await submit.read(lease, DatasetVersionName("other", "iris", "1"))
    world.finish(lease)
    for over in (lease, "nobody's"):
        with pytest.raises(FailedPrecondition, match="lease"):
            await submit.read(over, read("iris/versions/4"))
    assert artifacts.references == {}


async def test_a_run_reads_only_so_many_datasets(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DATASETS_READ", 1)
    submit = submitting(world.core, FakeArtifacts())
    world.agent()
    run, lease = world.start()
    for name in ("a/versions/1", "a/versions/1"):
        await submit.read(lease, read(name))
    with pytest.raises(ResourceExhausted, match="at most 1 "):
        await submit.read(lease, read("b/versions/1"))
    assert found(world, str(read("b/versions/1"))) == []
    assert len(world.get(run).datasets_read) == 1


async def test_a_run_that_read_what_it_was_not_given_lends_its_results_to_no_other(world: World) -> None:
    """The next one may be given something else."""
    world.agent()
    submit = submitting(world.core, FakeArtifacts())
    first = await submit.submit(replace(NEW, reuse=True), "", b"")
    lease = world.lease_of(first)
    await submit.read(lease, read("iris/versions/4"))
    world.finish(lease)
    assert (await submit.submit(replace(NEW, reuse=True), "", b"")).reused_run == ""


async def test_an_agent_leaves_only_what_the_run_was_to_leave(world: World) -> None:
    world.agent()
    submit = submitting(world.core, FakeArtifacts())
    run = await submit.submit(with_data(outputs=(OutputTo("clean"),)), "", b"")
    lease = world.lease_of(run)
    with pytest.raises(InvalidArgument, match="no such thing"):
        await submit.finish(lease, Outcome(State.COMPLETED, produced=[Produced("other", MADE)]))
    with pytest.raises(InvalidArgument, match="workspace"):
        other = MADE.replace("default", "other")
        await submit.finish(lease, Outcome(State.COMPLETED, produced=[Produced("clean", other)]))


async def test_runs_with_other_data_are_not_identical(world: World) -> None:
    """Whatever it is called where it is kept."""
    world.agent()
    submit = submitting(world.core, FakeArtifacts())
    first = await submit.submit(replace(with_data(Input("x", DATA)), reuse=True), "", b"")
    world.finish(world.lease_of(first))
    same = await submit.submit(replace(with_data(Input("x", dataset=IRIS)), reuse=True), "", b"")
    assert same.reused_run.endswith(first.id)
    other = await submit.submit(replace(with_data(Input("x", MADE)), reuse=True), "", b"")
    assert other.reused_run == ""
