"""Pages: sizes and tokens."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orris.errors import InvalidArgument
from orris_kit.paging import after_key, page_size, page_token

QUERY = {"parent": "workspaces/lab", "tags": {"a": "b"}}


def test_a_size_is_the_default_for_0_and_never_over_the_maximum() -> None:
    assert page_size(0) == 50
    assert page_size(7) == 7
    assert page_size(10**9) == 1000
    with pytest.raises(InvalidArgument):
        page_size(-1)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_token_gives_back_the_key(text: str, number: int) -> None:
    assert after_key(page_token((text, number), QUERY), QUERY, str, int) == (text, number)


def test_no_token_is_the_first_page() -> None:
    assert after_key("", QUERY, str) is None


def test_a_token_of_another_query_is_refused() -> None:
    token = page_token(("a",), QUERY)
    for query in ({**QUERY, "tags": {}}, {"parent": "workspaces/other"}):
        with pytest.raises(InvalidArgument) as caught:
            after_key(token, query, str)
        assert caught.value.violations[0].field == "page_token"


def test_a_token_whose_key_is_of_other_types_is_refused() -> None:
    for key in ((1,), (None,), (True,), ("a", "b"), ()):
        with pytest.raises(InvalidArgument):
            after_key(page_token(key, QUERY), QUERY, str)


@pytest.mark.parametrize("key", ["a\0b", "\ud800", 2**63, -(2**63), 10**30])
def test_a_key_that_no_database_can_compare_with_is_refused(key: str | int) -> None:
    with pytest.raises(InvalidArgument):
        after_key(page_token((key,), QUERY), QUERY, type(key))


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_what_is_no_token_is_refused(token: str) -> None:
    if token:
        with pytest.raises(InvalidArgument):
            after_key(token, QUERY, str)


def test_deep_nesting_does_not_break_the_parser() -> None:
    token = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(InvalidArgument):
        after_key(token, QUERY, str)
    with pytest.raises(InvalidArgument):
        after_key(base64.urlsafe_b64encode(json.dumps({"a": 1}).encode()).decode(), QUERY, str)
