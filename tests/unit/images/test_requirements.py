"""A requirements text lists packages and indexes; whatever reads or runs something else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_images.requirements import parse


def test_requirements_comments_and_indexes_are_read() -> None:
    text = (
        "\ufeff# a comment\n--index-url https://example.org/simple\n--extra-index-url=https://other.example/simple\n"
        "NumPy ~= 1.20  # why\n\nscikit_learn[tests,alldeps] >= 1 , \\\n  < 2\npandas; python_version<'3.9'\n"
    )
    found = parse(text)
    assert found.packages == ["numpy~=1.20", "scikit-learn[alldeps,tests]<2,>=1", 'pandas; python_version < "3.9"']
    assert found.index_url == "https://example.org/simple"
    assert found.extra_index_urls == ["https://other.example/simple"]


@pytest.mark.parametrize(
    "line",
    [
        "-r other.txt", "-rother.txt", "--requirement=other.txt", "-c constraints.txt", "-e .", "--editable ./x",
        "./x.whl",        "/etc/passwd", "~/x", "https://example.org/x.whl", "git+https://example.org/x", "x @ file:///etc/passwd",
        "--find-links .", "-f .", "--trusted-host x", "--pre", "numpy==1 --hash=sha256:00", "-", "--", "C:\\x",
        "--index-url https://user:secret@example.org/simple", "--index-url", "two words",
    ],
)  # fmt: skip
def test_the_rest_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(f"numpy\n{line}\n")
    assert caught.value.violations[0].field == "requirements:2"
    assert "secret" not in caught.value.message


def test_a_large_text_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="larger"):
        parse("#" * 300_000)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except InvalidArgument as refused:
        assert refused.violations  # noqa: PT017
