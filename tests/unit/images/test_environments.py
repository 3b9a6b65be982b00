"""Names and versions of environments."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from orris.errors import InvalidArgument, NotFound
from orris_images import schema, spec_text
from orris_images.config import Settings
from orris_images.curated import CURATED
from orris_images.environments import Environments
from orris_images.records import Environment
from orris_images.spec import Base, Spec, variables
from tests.unit.images.conftest import Machine

ONE, OTHER = Spec(packages=("six",)), Spec(packages=("attrs",))


@pytest.fixture
def environments(machine: Machine) -> Environments:
    return machine.core.environments


def create(environments: Environments, spec: Spec, name: str = "mine") -> Environment:
    return environments.create("lab", name, spec, b"sent")


def test_the_same_again_is_the_same_version_another_is_the_next(environments: Environments) -> None:
    versions = [create(environments, spec).version for spec in (ONE, ONE, OTHER, OTHER, ONE)]
    assert versions == ["1", "1", "2", "2", "3"]


@pytest.mark.parametrize(
    "changed",
    [
        Spec(packages=("six",), strict=True),
        Spec(packages=("six",), environment_variables=variables({"A": "1"})),
        Spec(packages=("six",), python="3.11"),
    ],
)
def test_variables_and_strictness_make_another_version(environments: Environments, changed: Spec) -> None:
    create(environments, ONE)
    assert create(environments, changed).version == "2"


def test_a_retry_gives_the_first_result_though_there_is_a_newer_one(environments: Environments) -> None:
    first = environments.create("lab", "mine", ONE, b"sent", "id", b"payload")
    create(environments, OTHER)
    assert environments.create("lab", "mine", ONE, b"sent", "id", b"payload") == first
    with pytest.raises(InvalidArgument):
        environments.create("lab", "mine", OTHER, b"sent", "id", b"another payload")


@pytest.mark.parametrize("name", ["AzureML-x", "azureml", "MICROSOFT-x", *CURATED, "Orris-SKLearn"])
def test_reserved_names_are_refused(environments: Environments, name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        create(environments, ONE, name)
    assert caught.value.reason == "RESERVED_NAME"


def test_what_is_unknown_lists_similar_names(environments: Environments) -> None:
    create(environments, ONE, "churn-training")
    with pytest.raises(NotFound, match="churn-training"):
        environments.get("lab", "churn-trainin")
    with pytest.raises(NotFound, match="AzureML-Tutorial"):
        environments.get("lab", "azureml-tutorials")
    with pytest.raises(NotFound, match="latest is '1'"):
        environments.get("lab", "churn-training", "2")
    for version in ("0", "01", "x", "1" * 20):
        with pytest.raises(NotFound):
            environments.get("lab", "churn-training", version)
    with pytest.raises(NotFound):
        environments.get("other", "churn-training")


def test_curated_environments_are_in_every_workspace_and_in_no_table(machine: Machine) -> None:
    found = machine.core.environments.get("anywhere", "orris-sklearn")
    assert (found.version, found.curated, found.message) == ("1", True, None)
    with machine.engine.connect() as connection:
        assert connection.execute(sa.select(schema.environments)).all() == []


def test_pages_hold_every_name_once_curated_ones_among_them(environments: Environments) -> None:
    for name in ("zebra", "Alpha", "beta"):
        create(environments, ONE, name)
        create(environments, OTHER, name)
    seen: list[Environment] = []
    more, after = True, ""
    while more:
        found, more = environments.latest("lab", after, 2)
        seen, after = seen + found, found[-1].environment
    assert [one.environment for one in seen] == sorted([*CURATED, "zebra", "Alpha", "beta"])
    assert {one.version for one in seen if not one.curated} == {"2"}


def test_versions_are_listed_newest_first(environments: Environments) -> None:
    for spec in (ONE, OTHER, ONE):
        create(environments, spec)
    found, more = environments.versions("lab", "mine", None, 2)
    assert ([one.version for one in found], more) == (["3", "2"], True)
    assert [one.version for one in environments.versions("lab", "mine", 2, 2)[0]] == ["1"]
    assert environments.versions("lab", "orris-sklearn", None, 2)[0][0].curated


@pytest.mark.parametrize(
    "spec",
    [
        Spec(),
        Spec(
            packages=("six", "numpy>=1; python_version > '3'"), python="3.6.2", conda_packages=("pandas=1.2",),
            channels=("conda-forge",), index_url="https://a/simple", extra_index_urls=("https://b/simple",),
            environment_variables=variables({"A": "ä"}), strict=True,
        ),
        Spec(interpreter="/opt/bin/python"),
        Spec(packages=("six",), base=Base("3.11.7", ("numpy==1.26.4",))),
    ],
)  # fmt: skip
def test_a_spec_survives_the_database(spec: Spec) -> None:
    assert spec_text.load(spec_text.dump(spec)) == spec


def test_settings_have_defaults_in_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ORRIS_HOME", str(tmp_path))
    settings = Settings()
    assert settings.environments_path == tmp_path / "environments"
    assert settings.database_url == f"sqlite:///{tmp_path}/images/images.db"
    assert (settings.builders, settings.link_mode, settings.allow_source_builds) == (2, "clone", True)
