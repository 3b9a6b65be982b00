"""Environments that are there without being defined: Azure's names that samples use, and Orris's own."""

from orris_images.spec import Spec

CURATED_VERSION = "1"

CURATED: dict[str, Spec] = {
    # Azure's tutorials of 2019-2021 use np.str and its like, which numpy 1.24 removed.
    "AzureML-Tutorial": Spec(
        python="3.8",
        strict=True,
        packages=(
            "scikit-learn==0.24.*", "numpy>=1.19,<1.24", "pandas>=1.1,<1.4", "scipy>=1.5,<1.8", "matplotlib>=3.3,<3.6",
            "joblib>=1.0,<1.3",
        ),
    ),
    "azureml-sklearn-1.5": Spec(
        python="3.10",
        strict=True,
        packages=(
            "scikit-learn==1.5.*", "numpy>=1.26,<2.1", "pandas>=2.2,<2.3", "scipy>=1.11,<1.15", "joblib>=1.4,<1.5",
            "matplotlib>=3.8,<3.10",
        ),
    ),
    # The current releases, on the Python that Orris itself runs with: always there.
    "orris-sklearn": Spec(packages=("scikit-learn", "pandas", "numpy", "scipy", "joblib")),
    # For scoring scripts that come without an environment.
    "orris-inference": Spec(
        packages=(
            "scikit-learn", "pandas", "numpy", "scipy", "joblib", "dill", "inference-schema[numpy-support]",
        ),
    ),
}  # fmt: skip


def curated(name: str) -> Spec | None:
    """Return the curated environment called `name`, None when there is none."""
    return CURATED.get(name)
