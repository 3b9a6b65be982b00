"""What may be registered."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orris.errors import InvalidArgument
from orris_models.checks import check_draft
from orris_models.model import Draft, Framework, Resources
from orris_models.registration import main_file

RUN = "workspaces/lab/runs/r1"


@pytest.mark.parametrize(
    ("field", "content"),
    [
        ("model_version.framework_version", {"framework_version": "1.5"}),
        ("model_version.run", {"run": ""}),
        ("model_version.tags", {"tags": {"": "x"}}),
        ("model_version.tags", {"tags": {f"k{n}": "" for n in range(101)}}),
        ("model_version.properties", {"properties": {"k": "x" * 9000}}),
        ("model_version.tags", {"tags": {"a": "\0"}}),
        ("model_version.tags", {"tags": {"\0": "a"}}),
        ("model_version.description", {"description": "x" * 9000}),
        ("model_version.description", {"description": "a\0b"}),
        ("model_version.resource_configuration", {"resources": Resources(cpu=-1)}),
        ("model_version.resource_configuration", {"resources": Resources(memory_gib=float("nan"))}),
        ("model_version.sample_input_json", {"sample_input_json": "{"}),
        ("model_version.sample_input_json", {"sample_input_json": "[]"}),
        ("model_version.sample_input_json", {"sample_input_json": "[1, 2]"}),
        ("model_version.sample_input_json", {"sample_input_json": "[[1], [1, 2]]"}),
        ("model_version.sample_input_json", {"sample_input_json": '[[1], {"a": 1}]'}),
        ("model_version.sample_input_json", {"sample_input_json": "[" * 100_000}),
        ("model_version.sample_input_json", {"sample_input_json": json.dumps([["x" * (1 << 20)]])}),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(field: str, content: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_draft(Draft(**{"run": RUN, **content}))
    assert refused.value.reason == "INVALID_MODEL"
    assert refused.value.violations[0].field == field


@pytest.mark.parametrize("sample", ["[[1, 2.5, null]]", '[{"a": 1}]', '["a text"]', ""])
def test_samples_are_rows_objects_or_texts(sample: str) -> None:
    check_draft(Draft(run=RUN, sample_input_json=sample))


@pytest.mark.parametrize(
    ("paths", "framework", "expected"),
    [
        (["anything"], Framework.CUSTOM, "anything"),
        (["a", "b"], Framework.CUSTOM, ""),
        (["columns.json", "m/model.PKL"], Framework.SCIKIT_LEARN, "m/model.PKL"),
        (["columns.json", "m/model.PKL"], Framework.CUSTOM, ""),
        (["a.joblib", "b.pkl"], Framework.SCIKIT_LEARN, ""),
    ],
)
def test_the_main_file_is_the_only_one_or_the_only_pickle(
    paths: list[str], framework: Framework, expected: str
) -> None:
    assert main_file(paths, framework) == expected
