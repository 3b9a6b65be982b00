"""The run that a submitted script gets: what it records, keeps and answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import count
from typing import Any

from .conftest import Program

START = "from azureml.core.run import Run\nrun = Run.get_context()\n"


def execute(program: Program, script: str) -> str:
    return program.execute(START + script)


def test_knows_what_it_is(program: Program) -> None:
    printed = execute(
        program,
        "print(run.id, run.experiment.name, run.experiment.workspace.name, run.get_status(), run.input_datasets == {})",
    )
    assert printed.split() == ["iris_1700000000_0123abcd", "iris", "lab", "Running", "True"]


def test_records_values_of_every_kind(program: Program) -> None:
    execute(
        program,
        """
import decimal, enum, fractions, datetime
class Scalar:  # as numpy's: np.int64(3), np.array(3)
    shape = ()
    dtype = "int64"
    def __init__(self, item): self._item = item
    def item(self): return self._item
    def __iter__(self): raise TypeError("0-d")
class Level(enum.IntEnum):
    HIGH = 3
class Text(str): pass
class Extended:  # as np.longdouble: its item is no float either
    shape = ()
    def item(self): return self
    def __float__(self): return 0.25
for value in (1, 1.5, "x", True, None, Scalar(3), Scalar(0.5), Scalar(True), Level.HIGH, Text("t"), Extended(),
              decimal.Decimal("1.5"), fractions.Fraction(1, 4), datetime.date(2026, 7, 1), 2 ** 80, b"b", 1 + 2j):
    run.log("m", value)
""",
    )
    values = [event["value"] for event in program.events()]
    expected = [1, 1.5, "x", True, None, 3, 0.5, True, 3, "t", 0.25, 1.5, 0.25, "2026-07-01", 2.0**80, "b", "(1+2j)"]
    assert values == expected
    assert [type(value) for value in values] == [type(value) for value in expected]


def test_records_what_is_no_number(program: Program) -> None:
    execute(program, "run.log_list('m', [float('nan'), float('inf'), -float('inf')])")
    assert "NaN" in (program.folder / "journal.jsonl").read_text()
    nan, *infinities = [event["value"] for event in program.events()]
    assert math.isnan(nan)
    assert infinities == [math.inf, -math.inf]


def test_refuses_collections_as_single_values(program: Program) -> None:
    printed = execute(
        program,
        """
from azureml.exceptions import UserErrorException
for value in ([1], (1,), range(2), (x for x in ()), {1: 2}, {1}):
    try:
        run.log("m", value)
    except UserErrorException as error:
        print("log_list" in str(error))
""",
    )
    assert printed.split() == ["True"] * 6
    assert not (program.folder / "journal.jsonl").exists()


def test_records_steps_rows_and_tables(program: Program) -> None:
    execute(
        program,
        """
run.log("loss", 0.5, step=3)
run.log_list("l", (x * x for x in range(3)))
run.log_row("r", x=1, y=2)
run.log_row("r", x=3)
run.log_table("t", {"a": [1, 2], "b": ["u"]})
assert run.get_metrics() == {"loss": 0.5, "l": [0, 1, 4], "r": {"x": [1, 3], "y": [2, None]},
                             "t": {"a": [1, 2], "b": ["u", None]}}, run.get_metrics()
assert run.get_metrics(name="loss") == {"loss": 0.5}
run.log("loss", 0.25)
assert run.get_metrics("loss") == {"loss": [0.5, 0.25]}
""",
    )
    assert program.events()[0] == {"event": "metric", "name": "loss", "type": "scalar", "value": 0.5, "step": 3}
    assert program.events()[4] == {"event": "metric", "name": "r", "type": "row", "cells": {"x": 1, "y": 2}}
    assert program.events()[7] == {"event": "metric", "name": "t", "type": "table", "cells": {"a": 2, "b": None}}


def test_lines_of_many_threads_and_processes_stay_whole(program: Program) -> None:
    execute(
        program,
        """
import os, threading
run.log("first", 0)  # the descriptor exists before the fork
def work(who):
    for number in range(20):
        run.log(who, "x" * (5 if number % 2 else 70000), step=number)
children = []
for child in range(4):
    pid = os.fork()
    if pid == 0:
        threads = [threading.Thread(target=work, args=("%d/%d" % (child, thread),)) for thread in range(3)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(0)
    children.append(pid)
assert all(os.waitpid(pid, 0)[1] == 0 for pid in children)
""",
    )
    assert len(program.events()) == 1 + 4 * 3 * 20
    steps = [event["step"] for event in program.events() if event["name"] == "2/1"]
    assert steps == list(range(20))


def test_never_writes_into_a_file_that_took_its_descriptor(program: Program) -> None:
    execute(
        program,
        """
import os
run.log("a", 1)
os.closerange(3, 20)
mine = open("mine.txt", "w")
others = [open("mine%d.txt" % i, "w") for i in range(5)]
run.log("a", 2)
""",
    )
    assert [event["value"] for event in program.events()] == [1, 2]
    assert (program.folder / "work/mine.txt").read_text() == ""


def test_a_full_disk_is_an_error_and_leaves_no_half_line(program: Program) -> None:
    execute(
        program,
        """
import resource, signal
run.log("a", 1)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    run.log("a", "x" * 5000)
except OSError as error:
    assert "could not be recorded" in str(error)
else:
    raise SystemExit("no error")
run.log("a", 2)
""",
    )
    assert [event["value"] for event in program.events()] == [1, 2]


def test_keeps_files_and_charts(program: Program) -> None:
    printed = execute(
        program,
        """
import io, os
class Plot:
    def savefig(self, file, format): file.write(b"PNG")
open("a.txt", "w").write("a")
os.makedirs("deep/er")
open("deep/er/b.txt", "w").write("b")
run.log_image("plot", plot=Plot())
run.log_image("plot", plot=Plot())
run.log_image("picture", path="a.txt")
run.upload_file("kept/a.txt", "a.txt")
run.upload_file("stream.bin", io.BytesIO(b"s"))
run.upload_folder("folder", "deep")
run.log_confusion_matrix("cm", {"schema_type": "confusion_matrix", "schema_version": "v1",
                                "data": {"class_labels": ["0"], "matrix": [[1]]}})
print(run.get_metrics()["cm"])
""",
    )
    files = program.folder / "files"
    assert (files / "kept/a.txt").read_text() == "a"
    assert (files / "stream.bin").read_bytes() == b"s"
    assert (files / "folder/er/b.txt").read_text() == "b"
    assert [event["value"] for event in program.events()] == sorted(
        [event["value"] for event in program.events()], key=lambda name: ["plot", "pict", "cm_1"].index(name[:4])
    )
    assert len(list(files.glob("plot_*.png"))) == 2
    assert json.loads(next(files.glob("cm_*.json")).read_bytes())["data"]["matrix"] == [[1]]
    assert printed.startswith("aml://artifactId/ExperimentRun/dcid.iris_1700000000_0123abcd/cm_")
    assert list(program.folder.glob(".incoming-*")) == []


def test_kept_files_cannot_leave_their_folder(program: Program) -> None:
    printed = execute(
        program,
        """
import os
from azureml.exceptions import UserErrorException
open("a.txt", "w").write("a")
os.symlink("/", os.path.join(os.environ["ORRIS_RUN_FOLDER"], "files", "root"))
for name in ("../x", "/x", "a/../../x", "", ".", "a\\\\..\\\\..\\\\x", "root/tmp/orris-escaped"):
    try:
        run.upload_file(name, "a.txt")
    except UserErrorException:
        print("refused")
""",
    )
    assert printed.split() == ["refused"] * 7
    assert not (program.folder / "x").exists()


def test_tags_and_properties(program: Program, answer: Callable[..., list[dict[str, Any]]]) -> None:
    answer(lambda request: {"result": {"tags": {"submitted": "1", "old": "2"}, "properties": {"p": "1"}}})
    execute(
        program,
        """
from azureml.exceptions import UserErrorException
run.tag("t", 5)
run.set_tags({"u": None})
run.remove_tags(["old"])
assert run.get_tags() == {"submitted": "1", "t": "5", "u": None}, run.get_tags()
run.add_properties({"p": 1, "q": "2"})
for again in ({"p": "2"}, {"q": "3"}):
    try:
        run.add_properties(again)
    except UserErrorException as error:
        assert "immutable" in str(error)
    else:
        raise SystemExit("changed")
assert run.get_properties() == {"p": "1", "q": "2"}
""",
    )
    assert program.events() == [
        {"event": "tag", "key": "t", "value": "5"},
        {"event": "tag", "key": "u", "value": None},
        {"event": "untag", "key": "old"},
        {"event": "property", "key": "q", "value": "2"},
    ]


def test_registers_a_model(program: Program, answer: Callable[..., list[dict[str, Any]]]) -> None:
    requests = answer(lambda request: {"result": {"name": "iris", "version": 3, "id": "iris:3"}})
    printed = execute(
        program,
        """
from azureml.core import Model
from azureml.core.resource_configuration import ResourceConfiguration
model = run.register_model("iris", "./outputs/model.joblib", tags={"a": "b"}, sample_input=[[1.0]],
                           model_framework=Model.Framework.SCIKITLEARN,
                           resource_configuration=ResourceConfiguration(cpu=1))
print(model.id, model.version, model.tags["a"], isinstance(model, Model))
""",
    )
    assert printed.split() == ["iris:3", "3", "b", "True"]
    assert requests[0]["method"] == "register_model"
    assert requests[0]["params"] == {
        "model_name": "iris",
        "model_path": "outputs/model.joblib",
        "tags": {"a": "b"},
        "sample_input": [[1.0]],
        "model_framework": "ScikitLearn",
        "resource_configuration": {"cpu": 1, "memory_in_gb": None, "gpu": None},
    }


def test_asks_again_with_the_same_id_when_the_agent_goes_away(
    program: Program, answer: Callable[..., list[dict[str, Any]]]
) -> None:
    replies = [{}, {"result": {"name": "iris", "version": 1, "id": "iris:1"}}]
    requests = answer(lambda request: replies.pop(0))
    execute(program, "run.register_model('iris')")
    assert len(requests) == 2
    assert requests[0] == requests[1]


def test_what_the_agent_refuses_is_raised_by_azures_names(
    program: Program, answer: Callable[..., list[dict[str, Any]]]
) -> None:
    answer(lambda request: {"error": {"type": request["params"]["model_name"], "message": "because"}})
    printed = execute(
        program,
        """
from azureml.exceptions import AzureMLException
from orris import errors
for kind in ("InvalidArgument", "NotFound", "FailedPrecondition", "PermissionDenied", "Internal", "Unavailable"):
    try:
        run.register_model(kind)
    except AzureMLException as error:
        print(type(error).__name__, isinstance(error, errors.OrrisError), error)
""",
    )
    assert printed.splitlines() == [
        "UserErrorException True because",
        "ModelPathNotFoundException True because",
        "UserErrorException True because",
        "AuthenticationException True because",
        "ServiceException True because",
        "ServiceException True because",
    ]


def test_cannot_end_itself(program: Program) -> None:
    execute(
        program,
        """
import pickle
with run:
    run.complete(); run.fail("x"); run.cancel(); run.flush()
    for name in ("get_all_logs", "start_logging", "wait_for_completion"):
        assert not hasattr(run, name)
        try:
            getattr(run, name)
        except AttributeError as error:
            assert "not yet supported inside a run" in str(error)
    again = pickle.loads(pickle.dumps(run))
    again.log("a", 1)
assert run.get_metrics() == {"a": 1}
assert Run.get_context().id == Run(run.experiment, run.id).id == run.id
""",
    )


def test_works_with_numpy(program: Program) -> None:
    """Only where numpy is installed: the current interpreter has it."""
    program.execute(
        START
        + """
try:
    import numpy as np
except ImportError:
    raise SystemExit(0)
for value in (np.int64(3), np.uint8(3), np.float16(3), np.longdouble(3), np.array(3), np.array(3.0), np.float64(3)):
    run.log("n", value)
run.log("b", np.bool_(True)); run.log("s", np.str_("x"))
run.log_list("l", np.arange(3)); run.log_table("t", {"c": np.arange(2)})
assert run.get_metrics("n")["n"] == [3] * 7
assert run.get_metrics("b")["b"] is True and run.get_metrics("s")["s"] == "x"
assert run.get_metrics("l") == {"l": [0, 1, 2]} and run.get_metrics("t") == {"t": {"c": [0, 1]}}
try:
    run.log("n", np.arange(3))
except Exception as error:
    assert "log_list" in str(error)
else:
    raise SystemExit("accepted")
"""
    )


def test_children_are_told_through_the_same_journal(program: Program, answer: Any) -> None:
    """Logging to a child waits for nobody, and works in a fork, as logging to the run itself."""

    numbers = count()

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "create_children":
            wanted = request["params"]["children"]
            made = [{"id": f"c{next(numbers)}", **each} for each in wanted]
            return {"result": {"runs": made}}
        if request["method"] == "get_children":
            return {"result": {"runs": [{"id": "c0", "status": "Running", "tags": {"a": "1"}}]}}
        return {"result": {}}

    requests = answer(respond)
    printed = execute(
        program,
        """
run.log("own", 1)
with run.child_run("first") as child:
    child.log("score", 0.5, step=2)
    child.tag("k", "v")
    child.upload_file("notes.txt", __import__("io").BytesIO(b"note"))
    print(child.name, child.get_metrics(), child.get_tags(), child.get_file_names(), child.parent.id == run.id)
try:
    with run.child_run() as child:
        raise ValueError("no")
except ValueError:
    pass
print(len(run.create_children(count=3)), [c.get_tags() for c in run.create_children(tag_key="a", tag_values=[1, 2])])
(seen,) = run.get_children(tags="a")
print(seen.id, seen.status, seen.tags, run.get_metrics())
""",
    )
    assert printed.splitlines() == [
        "first {'score': 0.5} {'k': 'v'} ['notes.txt'] True",
        "3 [{'a': '1'}, {'a': '2'}]",
        "c0 Running {'a': '1'} {'own': 1}",
    ]
    ends = [event for event in program.events() if event["event"] == "end"]
    assert ends == [
        {"event": "end", "child": "c0", "state": "Completed"},
        {"event": "end", "child": "c1", "state": "Failed", "message": "ValueError: no", "label": "ValueError"},
    ]
    assert [event.get("child") for event in program.events()][:3] == [None, "c0", "c0"]
    assert {"method": "keep_child_files", "params": {"child": "c0"}}.items() <= requests[1].items()
    assert (program.folder / "children" / "c0" / "files" / "notes.txt").read_bytes() == b"note"


def test_kept_files_can_be_had_back(program: Program) -> None:
    printed = execute(
        program,
        """
import os
os.makedirs("outputs")
open("outputs/m.txt", "w").write("model")
run.upload_file("deep/notes.txt", "outputs/m.txt")
print(open(run.download_file("deep/notes.txt")).read(), open(run.download_file("outputs/m.txt", "x/y.txt")).read())
run.download_files("deep", "all")
print(open("all/deep/notes.txt").read())
try:
    run.download_file("../work")
except Exception as error:
    print(type(error).__name__)
""",
    )
    assert printed.splitlines() == ["model model", "model", "UserErrorException"]


def test_knows_its_environment_and_names_others(program: Program, answer: Any) -> None:
    known = {"name": "sk", "version": "3", "variables": {"A": "1"}}
    requests = answer(lambda request: {"result": {"id": "c1", "status": "Queued", "tags": {}, "environment": known}})
    printed = execute(
        program,
        """
from azureml.core import Environment, ScriptRunConfig
own = run.get_environment()
print(own.name, own.version, own.environment_variables, isinstance(own, Environment))
for environment in (own, Environment.get(workspace=run.experiment.workspace, name="other")):
    run.submit_child(ScriptRunConfig(script="a.py", environment=environment))
for use in (lambda: own.build(None), lambda: Environment("x"), lambda: Environment.from_pip_requirements("x", "y")):
    try:
        use()
    except Exception as error:
        print(str(error).partition(":")[0])
""",
    )
    first, *refused = printed.splitlines()
    assert first == "sk 3 {'A': '1'} True"
    assert refused == [
        "Environment.build is not available inside a run",
        "Environment is not available inside a run",
        "Environment.from_pip_requirements is not available inside a run",
    ]
    submitted = [each["params"]["environment"] for each in requests if each["method"] == "submit_child"]
    assert submitted == ["sk:3", "other"]


def test_a_run_with_an_image_alone_has_no_environment(program: Program, answer: Any) -> None:
    answer(lambda request: {"result": {"id": "c1", "environment": None}})
    printed = execute(
        program, "try:\n    run.get_environment()\nexcept Exception as error:\n    print(type(error).__name__)"
    )
    assert printed == "UserErrorException\n"


def test_registers_files_of_this_machine_as_models(program: Program, answer: Any) -> None:
    """`Model.register(workspace, path, name)`, as scripts of Azure's call it."""
    requests = answer(lambda request: {"result": {"name": "m", "version": 1, "id": "m:1"}})
    printed = execute(
        program,
        """
import os
from azureml.core import Model
os.makedirs("outputs"); os.makedirs("deep"); os.makedirs("saved")
for name in ("outputs/in.pkl", "beside.pkl", "saved/a.bin"):
    open(name, "w").write(name)
workspace = run.experiment.workspace
print(Model.register(workspace, "outputs/in.pkl", "m", tags={"a": "b"}).id)
os.chdir("deep")
Model.register(workspace=workspace, model_path="../outputs/in.pkl", model_name="m")
Model.register(workspace=workspace, model_path="../beside.pkl", model_name="m")
Model.register(workspace=workspace, model_path="../saved", model_name="m")
for path, name in (("../absent", "m"), (None, "m"), ("../saved", None)):
    try:
        Model.register(workspace, path, name)
    except Exception as error:
        print(type(error).__name__)
print(run.get_file_names())
""",
    )
    assert printed.splitlines() == [
        "m:1",
        *["UserErrorException"] * 3,
        "['models/m/beside.pkl', 'models/m/saved/a.bin']",
    ]
    asked = [each["params"] for each in requests]
    paths = [each["model_path"] for each in asked]
    assert paths == ["outputs/in.pkl", "outputs/in.pkl", "models/m/beside.pkl", "models/m/saved"]
    assert asked[0]["tags"] == {"a": "b"}
