"""What a run asks its agent for when it submits others, and what it is told of them."""

from __future__ import annotations

import base64
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from orris_agent.sources import sources_of
from tests.unit.agent.inside.conftest import Program

START = "from azureml.core import Run, ScriptRunConfig\nrun = Run.get_context()\n"

Answer = Callable[[Callable[[dict[str, Any]], dict[str, Any]]], list[dict[str, Any]]]


def submitted(request: dict[str, Any]) -> dict[str, Any]:
    return {"result": {"id": "c1", "status": "Queued", "tags": request["params"]["tags"]}}


def test_what_is_not_given_is_left_to_what_the_run_has(program: Program, answer: Answer) -> None:
    requests = answer(submitted)
    printed = program.execute(
        START + "child = run.submit_child(ScriptRunConfig(script='a.py', arguments=[1, 'b']), tags={'k': 2})\n"
        "print(child.id, child.status, child.tags)"
    )
    assert printed == "c1 Queued {'k': '2'}\n"
    (request,) = requests
    asked = {name: value for name, value in request["params"].items() if value}
    assert (request["method"], asked) == (
        "submit_child",
        {"parent": "iris_1700000000_0123abcd", "script": "a.py", "arguments": ["1", "b"], "tags": {"k": "2"}},
    )
    assert "folder" not in request["params"]


def test_all_that_can_be_given_is_passed_on(program: Program, answer: Answer) -> None:
    requests = answer(submitted)
    program.execute(
        START + "config = ScriptRunConfig(command='python a.py \"b c\"', environment='e:2', compute_target='large',\n"
        "    max_run_duration_seconds=60)\n"
        "config.environment_variables['A'] = 1\n"
        "run.submit_child(config)"
    )
    asked = {name: value for name, value in requests[0]["params"].items() if value}
    assert asked == {
        "parent": "iris_1700000000_0123abcd",
        "command": ["python", "a.py", "b c"],
        "environment": "e:2",
        "pool": "large",
        "time_limit": 60,
        "environment_variables": {"A": "1"},
    }


def test_sources_are_named_where_the_agent_finds_them(program: Program, answer: Answer) -> None:
    """Below the run's folder; those from elsewhere are there while the agent is asked."""
    seen: list[list[str]] = []

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        folder = program.folder / request["params"]["folder"]
        seen.append(sorted(path.name for path in folder.iterdir()))
        return submitted(request)

    requests = answer(respond)
    program.execute(
        START + "import os, tempfile\n"
        "os.makedirs('sub'); open('sub/a.py', 'w').close()\n"
        "elsewhere = tempfile.mkdtemp(); open(os.path.join(elsewhere, 'b.py'), 'w').close()\n"
        "for source in ('.', 'sub', elsewhere):\n"
        "    run.submit_child(ScriptRunConfig(source, 'a.py'))"
    )
    assert [request["params"]["folder"] for request in requests][:2] == ["work", "work/sub"]
    assert seen == [["sub"], ["a.py"], ["b.py"]]
    assert sorted(path.name for path in program.folder.iterdir()) == ["files", "run.sock", "work"]


@pytest.mark.parametrize(
    "given",
    [
        "script='a', command='b'",
        "",
        "script='a', run_config=1",
        "script='a', environment=1",
        "'not-there', 'a.py'",
        "command='un\"closed'",
    ],
)
def test_what_cannot_be_submitted_is_said(program: Program, given: str) -> None:
    printed = program.execute(
        START + "from azureml.exceptions import UserErrorException\n"
        f"try:\n    run.submit_child(ScriptRunConfig({given}))\n"
        "except UserErrorException as error:\n    print('refused')"
    )
    assert printed == "refused\n"


def test_a_child_is_waited_for_asked_and_canceled(program: Program, answer: Answer) -> None:
    states = ["Queued", "Running", "Failed", "Failed"]

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "get_child":
            return {"result": {"id": "c1", "status": states.pop(0), "error": "no room"}}
        if request["method"] == "get_child_metrics":
            return {"result": {"metrics": {"loss": [1, 2]}}}
        return submitted(request) if request["method"] == "submit_child" else {"result": {}}

    requests = answer(respond)
    printed = program.execute(
        START + "from azureml.exceptions import ActivityFailedException\n"
        "child = run.submit_child(ScriptRunConfig(script='a.py'))\n"
        "try:\n    child.wait_for_completion()\n"
        "except ActivityFailedException as error:\n    print(error)\n"
        "print(child.get_metrics(), child.status)\n"
        "child.cancel()"
    )
    assert printed == "the run c1 failed: no room\n{'loss': [1, 2]} Failed\n"
    assert [request["method"] for request in requests][-2:] == ["get_child_metrics", "cancel_child"]
    assert all(request["params"]["run"] == "c1" for request in requests[1:])


def test_a_snapshot_comes_in_pieces(program: Program, answer: Answer) -> None:
    content = {"train.py": b"print()", "data/empty": b"", "data/large": bytes(range(256)) * 10}

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "list_snapshot":
            return {"result": {"id": "abc", "files": {name: len(data) for name, data in content.items()}}}
        data = content[request["params"]["path"]][request["params"]["offset"] :][:1000]
        return {"result": {"data": base64.b64encode(data).decode()}}

    answer(respond)
    printed = program.execute(
        START + "print(run.restore_snapshot(path='zips'), run.restore_snapshot('abc', extract=True))"
    )
    archive, folder = printed.split()
    with zipfile.ZipFile(archive) as made:
        assert {name: made.read(name) for name in made.namelist()} == content
    assert archive.endswith("/work/zips/abc.zip")
    assert folder == str(program.folder / "work")
    assert (program.folder / "work" / "data" / "large").read_bytes() == content["data/large"]


def test_snapshots_that_a_run_takes_are_its_own(program: Program, answer: Answer) -> None:
    def respond(request: dict[str, Any]) -> dict[str, Any]:
        if request["method"] == "select_sources":
            return {"result": {"names": sources_of(request["params"]["patterns"], request["params"]["names"])}}
        return {"result": {"id": "abc", "files": {}}}

    answer(respond)
    printed = program.execute(
        START + "import json, os\n"
        "os.makedirs('src/deep'); open('src/deep/a.txt', 'w').write('a'); open('one.txt', 'w').write('1')\n"
        "open('src/.amlignore', 'w').write('*.tmp\\n.aml*\\n'); open('src/deep/b.tmp', 'w').write('b')\n"
        "open('src/.gitignore', 'w').write('*.txt\\n')\n"
        "os.makedirs('src/.git'); open('src/.git/HEAD', 'w').write('h')\n"
        "os.makedirs('src/own/lib'); open('src/own/pyvenv.cfg', 'w'); open('src/own/lib/os.py', 'w')\n"
        "folder, file = run.take_snapshot('src'), run.take_snapshot('one.txt')\n"
        "open('src/deep/a.txt', 'w').write('changed')\n"
        "run.restore_snapshot(folder, 'back', extract=True); run.restore_snapshot(file, 'back', extract=True)\n"
        "print(json.dumps([open('back/deep/a.txt').read(), open('back/one.txt').read(), run.get_file_names()]))\n"
        "try:\n    run.restore_snapshot('unknown')\nexcept Exception as error:\n    print(type(error).__name__)"
    )
    found, refused = printed.splitlines()
    first, second, names = json.loads(found)
    assert (first, second, refused) == ("a", "1", "UserErrorException")
    assert sorted(name.split("/", 2)[2] for name in names) == [".gitignore", "deep/a.txt", "one.txt"]


def test_a_snapshot_without_files_and_a_pattern_that_is_none_say_so(program: Program, answer: Answer) -> None:
    answer(lambda request: {"result": {"names": []}})
    printed = program.execute(
        START + "import os\n"
        "os.makedirs('src'); open('src/.gitignore', 'w').write('*')\n"
        "try:\n    run.take_snapshot('src')\nexcept Exception as error:\n    print(error)\n"
        "open('src/.amlignore', 'wb').write(b'\\xff')\n"
        "try:\n    run.take_snapshot('src')\nexcept Exception as error:\n    print(error)"
    )
    empty, unreadable = printed.splitlines()
    assert "no files" in empty
    assert "/.amlignore: " in unreadable
