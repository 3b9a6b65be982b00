"""Lines of the log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from orris_kit.context import Call, enter_call
from orris_kit.logging import get_logger, setup

TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
log = get_logger("orris.test")


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:], root.level = handlers, level


def test_json_has_the_sentence_and_the_fields(out: io.StringIO) -> None:
    setup("info", "json", out)
    log.info("run started", run="r", slots=2)
    line = json.loads(out.getvalue())
    assert (line["message"], line["level"], line["run"], line["slots"]) == ("run started", "info", "r", 2)


@pytest.mark.parametrize("style", ["json", "text"])
def test_one_entry_is_one_line_whatever_it_holds(out: io.StringIO, style: str) -> None:
    setup("info", style, out)
    log.info("run started", run='r\n12:00:00 info forged="yes"')
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize("style", ["json", "text"])
def test_tokens_never_get_out(out: io.StringIO, style: str) -> None:
    setup("info", style, out)
    try:
        raise ValueError(f"bad header {TOKEN}")
    except ValueError:
        log.exception("call failed", token="secret-1", header=f"Bearer {TOKEN}")
    assert TOKEN not in out.getvalue()
    assert "secret-1" not in out.getvalue()
    assert "ValueError" in out.getvalue()


def test_below_the_level_nothing_is_written(out: io.StringIO) -> None:
    setup("warning", "json", out)
    log.info("run started")
    log.warning("run late")
    assert out.getvalue().count("\n") == 1


async def test_inside_a_call_its_request_id_is_added(out: io.StringIO) -> None:
    setup("info", "json", out)
    enter_call(Call("/m", "r-1"))
    log.info("run started")
    assert json.loads(out.getvalue())["request_id"] == "r-1"
