"""What a pool can say to Ray."""

from __future__ import annotations

import pytest

from orris.errors import InvalidArgument
from orris_runs.engines import ENGINES
from orris_runs.engines.ray.config import PoolOptions, pool_options


def test_a_pool_names_its_cluster_or_takes_that_of_the_service() -> None:
    assert pool_options({}, "head:6379") == PoolOptions("head:6379")
    assert pool_options({"address": "other:6380"}, "head:6379").address == "other:6380"


def test_an_empty_option_is_none() -> None:
    assert pool_options({"resource": "", "folder": ""}, "head:6379") == PoolOptions("head:6379")


def test_an_unknown_option_is_refused_with_those_there_are() -> None:
    with pytest.raises(
        InvalidArgument, match="'adress' is none of Ray's; there are address, folder, processors, python, resource"
    ):
        pool_options({"adress": "head:6379"}, "")


def test_a_pool_can_say_what_the_engine_names_before_it_is_needed() -> None:
    said = {"address": "head:6379", "resource": "r", "python": "/p", "folder": "/f", "processors": "2"}
    assert ENGINES["ray"].options() == said.keys()
    assert pool_options(said, "") == PoolOptions("head:6379", "r", "/p", "/f", "2")


@pytest.mark.parametrize("processors", ["0", "-1", "many", "1.5"])
def test_processors_are_counted(processors: str) -> None:
    with pytest.raises(InvalidArgument, match="is not a whole number of 1 or more"):
        pool_options({"processors": processors}, "head:6379")


def test_a_pool_without_a_cluster_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="`address` is missing"):
        pool_options({}, "")


@pytest.mark.parametrize("address", ["head", "head:", ":6379", "ray://head:10001", "head:http"])
def test_an_address_is_where_a_head_listens(address: str) -> None:
    with pytest.raises(InvalidArgument, match="is not HOST:PORT"):
        pool_options({"address": address}, "")
