"""The registry's rules, on a real database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from orris.errors import FailedPrecondition, InvalidArgument, NotFound
from orris_kit.database import open_database
from orris_models.core import Claim, Models
from orris_models.listing import Query
from orris_models.model import Column, Conversion, Draft, Framework, Parity, Resources, Signature, State, Version
from orris_models.schema import metadata
from tests.servers.databases import NewDatabase

TREE = f"workspaces/lab/trees/{'a' * 64}"
RUN = "workspaces/lab/runs/r1"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Registry:
    """The core with what a test asks of it often."""

    def __init__(self, engine: sa.Engine) -> None:
        self.changed: list[str] = []
        self.core = Models(engine, Clock(), self.changed.append)

    def add(self, model: str = "iris", request_id: str = "", payload: bytes = b"", **content: object) -> Version:
        draft = Draft(**{"tree": TREE, "framework": Framework.SCIKIT_LEARN, **content})  # type: ignore[arg-type]
        claim = Claim("lab", model, request_id, payload)
        return self.core.made_before(claim) or self.core.commit(claim, self.core.reserve("lab", model), draft)

    def update(self, number: int = 1, **changes: object) -> Version:
        nothing: dict[str, object] = {"description": None, "set_tags": {}, "remove_tags": [], "set_properties": {}}
        return self.core.update("lab", "iris", number, **{**nothing, **changes})  # type: ignore[arg-type]

    def names(self, *, after: tuple[object, ...] | None = None, limit: int = 10, **query: object) -> list[str]:
        found, _ = self.core.page(Query("lab", **query), after, limit)  # type: ignore[arg-type]
        return [f"{each.model}:{each.number}" for each in found]


@pytest.fixture
def registry(new_database: NewDatabase) -> Iterator[Registry]:
    engine = open_database(new_database("orris_models", metadata), "orris_models", metadata)
    yield Registry(engine)
    engine.dispose()


def test_versions_count_up_by_model(registry: Registry) -> None:
    assert [registry.add().number, registry.add().number, registry.add("other").number] == [1, 2, 1]


def test_a_number_is_never_used_again(registry: Registry) -> None:
    registry.add()
    registry.core.delete("lab", "iris", registry.add().number)
    assert registry.add().number == 3
    registry.core.delete("lab", "iris", 1)
    registry.core.delete("lab", "iris", 3)
    assert registry.add().number == 4


def test_a_version_comes_back_as_it_was_stored(registry: Registry) -> None:
    made = registry.add(
        tags={"a": "1"}, properties={"p": "q"}, resources=Resources(1, 2.5, 0), description="d", size=7, run=RUN
    )
    assert registry.core.get("lab", "iris", 1) == made
    assert made.conversion.state is State.PENDING


def test_a_retry_returns_the_first_result_and_another_request_is_refused(registry: Registry) -> None:
    first = registry.add(request_id="once", payload=b"x")
    assert registry.add(request_id="once", payload=b"x") == first
    with pytest.raises(InvalidArgument) as refused:
        registry.add(request_id="once", payload=b"y")
    assert refused.value.reason == "REQUEST_ID_REUSED"


def test_of_two_equal_requests_at_once_the_second_gets_the_version_of_the_first(registry: Registry) -> None:
    claim = Claim("lab", "iris", "once", b"x")
    numbers = [registry.core.reserve("lab", "iris") for _ in range(2)]
    made = [registry.core.commit(claim, number, Draft(tree=TREE)) for number in numbers]
    assert [each.number for each in made] == [1, 1]
    assert registry.core.loose_references() == [("lab", "iris", 2)]


def test_a_reserved_number_stays_on_the_list_of_loose_references_until_it_is_committed(registry: Registry) -> None:
    number = registry.core.reserve("lab", "iris")
    assert registry.core.loose_references() == [("lab", "iris", number)]
    registry.core.commit(Claim("lab", "iris", "", b""), number, Draft(tree=TREE))
    assert registry.core.loose_references() == []


def test_what_was_deleted_is_loose_until_its_reference_is_dropped(registry: Registry) -> None:
    registry.add()
    registry.core.delete("lab", "iris", 1)
    assert registry.core.loose_references() == [("lab", "iris", 1)]
    registry.core.settle("lab", "iris", 1)
    assert registry.core.loose_references() == []


def test_without_a_number_the_latest_is_meant(registry: Registry) -> None:
    registry.add()
    registry.add()
    assert registry.core.get("lab", "iris").number == 2


def test_an_unknown_model_names_similar_ones(registry: Registry) -> None:
    registry.add("sklearn-iris")
    with pytest.raises(NotFound, match="sklearn-iris") as missing:
        registry.core.get("lab", "sklearn-irsi")
    assert missing.value.reason == "MODEL_NOT_FOUND"


def test_an_unknown_version_names_those_there_are(registry: Registry) -> None:
    registry.add()
    with pytest.raises(NotFound, match=r"no version 9; it has 1"):
        registry.core.get("lab", "iris", 9)


def test_workspaces_do_not_see_each_other(registry: Registry) -> None:
    registry.add()
    with pytest.raises(NotFound):
        registry.core.get("other", "iris")
    assert registry.core.page(Query("other"), None, 10) == ([], False)


def test_a_workspace_lists_the_latest_of_each_model_by_name_in_pages(registry: Registry) -> None:
    for model in ("c", "a", "b", "a"):
        registry.add(model)
    assert registry.names() == ["a:2", "b:1", "c:1"]
    assert registry.names(limit=2) == ["a:2", "b:1"]
    assert registry.names(after=("b",)) == ["c:1"]
    assert registry.core.page(Query("lab"), None, 2)[1]
    assert not registry.core.page(Query("lab"), None, 3)[1]


def test_a_model_lists_all_versions_newest_first_in_pages(registry: Registry) -> None:
    for _ in range(3):
        registry.add()
    assert registry.names(model="iris") == ["iris:3", "iris:2", "iris:1"]
    assert registry.names(model="iris", after=(2,)) == ["iris:1"]


def test_lists_filter_by_all_tags_and_by_run(registry: Registry) -> None:
    registry.add(tags={"area": "bio", "x": "1"}, run=RUN)
    registry.add(tags={"area": "geo"})
    registry.add("rose", tags={"area": "bio"})
    assert registry.names(tags={"area": "bio"}) == ["iris:1", "rose:1"]
    assert registry.names(tags={"area": "", "x": "1"}) == ["iris:1"]
    assert registry.names(tags={"area": ""}) == ["iris:2", "rose:1"]
    assert registry.names(run=RUN) == ["iris:1"]


def test_tags_change_and_properties_keep_their_value(registry: Registry) -> None:
    registry.add(tags={"a": "1", "b": "2"}, properties={"p": "1"})
    changed = registry.update(
        description="new", set_tags={"a": "9"}, remove_tags=["b", "none"], set_properties={"p": "1", "q": "2"}
    )
    assert (changed.content.description, changed.content.tags) == ("new", {"a": "9"})
    assert registry.core.get("lab", "iris", 1) == changed
    with pytest.raises(FailedPrecondition) as refused:
        registry.update(set_tags={"z": "1"}, set_properties={"p": "other"})
    assert refused.value.reason == "PROPERTY_SET"
    assert registry.core.get("lab", "iris", 1) == changed


def test_bad_labels_change_nothing(registry: Registry) -> None:
    before = registry.add()
    with pytest.raises(InvalidArgument):
        registry.update(set_tags={f"k{number}": "" for number in range(200)})
    with pytest.raises(InvalidArgument):
        registry.update(description="x" * 10_000)
    assert registry.core.get("lab", "iris", 1) == before


def test_what_is_served_is_not_deleted(registry: Registry) -> None:
    registry.add()
    endpoint = "workspaces/lab/endpoints/iris-service"
    registry.core.set_use("lab", "iris", 1, endpoint, True)
    registry.core.set_use("lab", "iris", 1, endpoint, True)
    with pytest.raises(FailedPrecondition, match="iris-service") as refused:
        registry.core.delete("lab", "iris", 1)
    assert refused.value.reason == "MODEL_IN_USE"
    registry.core.set_use("lab", "iris", 1, endpoint, False)
    registry.core.delete("lab", "iris", 1)
    with pytest.raises(NotFound):
        registry.core.set_use("lab", "iris", 1, endpoint, True)


def test_a_conversion_is_recorded_once_and_for_all(registry: Registry) -> None:
    version = registry.add()
    assert [each.name for each in registry.core.unfinished()] == [version.name]
    signature = Signature(
        "sklearn.svm.SVC", (Column("x", "NUMBER"),), ("predict",), False, False, ("0", '"b"'), "1.5.2"
    )
    verdict = Conversion(State.VERIFIED, "equal", RUN, TREE, "LEARNED", 300, (Parity("predict", 300, 0, 0.0),))
    registry.core.set_conversion(version, verdict, signature)
    stored = registry.core.get("lab", "iris", 1)
    assert stored.signature == signature
    assert stored.conversion.end_time is not None
    assert stored.conversion.parity == verdict.parity
    registry.core.set_conversion(version, Conversion(State.FAILED, "late"))
    assert registry.core.get("lab", "iris", 1) == stored
    assert registry.core.unfinished() == []
    assert version.name in registry.changed


def test_only_scikit_learn_models_wait_for_a_conversion(registry: Registry) -> None:
    states = {each: registry.add(framework=each).conversion.state for each in Framework}
    assert states.pop(Framework.SCIKIT_LEARN) is State.PENDING
    assert set(states.values()) == {State.NOT_APPLICABLE}
