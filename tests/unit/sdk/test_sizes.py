"""Sizes as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris.sizes import parse_size, size_text


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("0", 0),
        (512, 512),
        ("512B", 512),
        ("2GiB", 2 * 1024**3),
        ("2gib", 2 * 1024**3),
        ("2 GiB", 2 * 1024**3),
        (" 2g ", 2 * 1024**3),
        ("2GB", 2 * 10**9),
        ("500MB", 500 * 10**6),
        ("1.5KiB", 1536),
        ("3t", 3 * 1024**4),
    ],
)
def test_units_count_as_they_say_and_a_letter_as_docker_counts(written: str | int, size: int) -> None:
    assert parse_size(written, "memory") == size


@pytest.mark.parametrize(
    "written",
    ["", "2 gigs", "two", "-1", "-1GiB", "1e3", "nan", "1..5G", "٣GiB", "9999999PiB", "2GiB2", True, 1.5e-7, 0.5j],
)
def test_what_is_no_size_names_the_field_and_an_example(written: str) -> None:
    with pytest.raises(InvalidArgument, match=r"^memory: ") as caught:
        parse_size(written, "memory")
    assert [each.field for each in caught.value.violations] == ["memory"]


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1 KiB"), (1536, "1.5 KiB"), (8_160_437_862, "7.5 GiB"),
     (1024**5, "1 PiB"), (2**63, "8192 PiB")],
)  # fmt: skip
def test_sizes_are_shown_in_the_largest_unit_and_never_more_than_they_are(size: int, text: str) -> None:
    assert size_text(size) == text


@given(st.integers(0, 2**60))
def test_what_is_shown_can_be_given_back_and_is_no_more(size: int) -> None:
    shown = size_text(size).replace("bytes", "B")
    assert size * 0.9 - 1 <= parse_size(shown, "memory") <= size
