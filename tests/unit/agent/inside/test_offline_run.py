"""The run of a script that nobody submitted."""

from __future__ import annotations

from .conftest import Program


def test_prints_what_it_is_told(program: Program) -> None:
    printed = program.execute(
        """
        from azureml.core import Run
        run = Run.get_context()
        run.log("Accuracy", 0.97)
        run.log_list("l", [1, 2])
        run.log_row("r", x=1)
        run.log_image("i", path="a.png")
        run.tag("k", "v")
        with run: pass
        print(run.get_metrics()["Accuracy"])
        """,
        submitted=False,
    )
    lines = printed.splitlines()
    assert lines[:8] == [
        "Attempted to log scalar metric Accuracy:",
        "0.97",
        "Attempted to log list metric l:",
        "[1, 2]",
        "Attempted to log row metric r:",
        "{'x': 1}",
        "Attempted to log image metric i:",
        "a.png",
    ]
    assert "[START] Run OfflineRun_" in printed
    assert lines[-1] == "0.97"


def test_has_neither_experiment_nor_datasets_nor_steps(program: Program) -> None:
    program.execute(
        """
        import re
        from azureml.core.run import Run, _OfflineRun
        run = Run.get_context()
        assert isinstance(run, _OfflineRun)
        assert re.match(r"OfflineRun_[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", run.id)
        assert not hasattr(run, "experiment") and not hasattr(run, "input_datasets")
        try:
            run.log("a", 1, step=1)
        except TypeError:
            pass
        else:
            raise SystemExit("accepted a step")
        """,
        submitted=False,
    )


def test_is_refused_where_only_a_submitted_run_will_do(program: Program) -> None:
    printed = program.execute(
        """
        from azureml.core import Run
        from azureml.exceptions import RunEnvironmentException
        try:
            Run.get_context(allow_offline=False)
        except RunEnvironmentException as error:
            print("refused")
        """,
        submitted=False,
    )
    assert printed == "refused\n"
