"""The curated environments are specs like any other; those of Azure name their Python."""

from orris_images.curated import CURATED, curated


def test_azures_curated_environments_name_their_python() -> None:
    for name in ("AzureML-Tutorial", "azureml-sklearn-1.5"):
        spec = curated(name)
        assert spec is not None
        assert spec.strict
        assert spec.python is not None


def test_orris_own_runs_on_any_python() -> None:
    for name in ("orris-sklearn", "orris-inference"):
        assert CURATED[name].python is None
    assert set(CURATED["orris-inference"].packages) > set(CURATED["orris-sklearn"].packages)
    assert curated("nonsense") is None
