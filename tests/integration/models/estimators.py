"""Fitted models of many kinds, each with fresh inputs like those it was fitted with."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, QuantileTransformer, StandardScaler
from sklearn.svm import SVC, SVR

Case = tuple[Any, Any]

IRIS, KIND = load_iris(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)


def fresh(rows: Any, seed: int = 7) -> Any:
    """Return new rows near the old ones."""
    random = np.random.default_rng(seed)
    picked = rows[random.integers(len(rows), size=300)]
    return picked + random.normal(size=picked.shape) * rows.std(axis=0) * 0.3


def with_gaps(rows: Any, seed: int = 3) -> Any:
    rows = rows.copy()
    rows[np.random.default_rng(seed).random(rows.shape) < 0.2] = np.nan
    return rows


def on_iris(model: Any) -> Callable[[], Case]:
    return lambda: (model.fit(IRIS, KIND), fresh(IRIS))


def on_diabetes(model: Any) -> Callable[[], Case]:
    return lambda: (model.fit(DIABETES, PROGRESS), fresh(DIABETES))


def timestamps() -> Case:
    """Seconds since 1970: float32 knows only every 128th of them."""
    moments = np.column_stack([1.6e9 + np.arange(150) * 37.0, IRIS[:, 1]])
    return RandomForestClassifier(30, random_state=0).fit(moments, KIND), moments + 0.25


def people(count: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age in years": random.normal(40, 10, count),
            "city": random.choice(["Ulm", "Bonn", "Gießen"], count),
            "rooms": random.integers(1, 5, count),
            "owner": random.random(count) < 0.5,
        }
    )


def columns() -> Case:
    table = people(300, 1)
    wealth = (table["age in years"] > 40).astype(int) + (table["city"] == "Ulm") + table["owner"]
    encoder = OneHotEncoder(handle_unknown="ignore")
    parts = [("numbers", StandardScaler(), ["age in years"]), ("words", encoder, ["city", "rooms", "owner"])]
    model = make_pipeline(ColumnTransformer(parts), LogisticRegression(max_iter=500))
    return model.fit(table, wealth), people(200, 2)


def texts() -> Case:
    documents = ["the cat sat", "the dog ran", "a bird flew over the cat", "dog eats bird"] * 10
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    return model.fit(documents, ["pet", "wild"] * 20), ["A cat, and a dog!", "", "birds FLEW over", "nothing known"]


def several_targets() -> Case:
    both = np.column_stack([PROGRESS, PROGRESS * 2])
    return RandomForestRegressor(10, random_state=0).fit(DIABETES, both), fresh(DIABETES)


def several_labels() -> Case:
    both = np.column_stack([KIND, KIND % 2])
    return RandomForestClassifier(10, random_state=0).fit(IRIS, both), fresh(IRIS)


def truths() -> Case:
    return LogisticRegression(max_iter=500).fit(IRIS, KIND == 1), fresh(IRIS)


def named() -> Case:
    frame = load_iris(as_frame=True).data
    return make_pipeline(StandardScaler(), SVC()).fit(frame, KIND), frame.sample(50, random_state=1)


def missing() -> Case:
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(max_iter=500))
    return model.fit(with_gaps(IRIS), KIND), with_gaps(fresh(IRIS))


def boosted_with_gaps() -> Case:
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0)
    return model.fit(with_gaps(IRIS), KIND), with_gaps(fresh(IRIS))


def labels_as_text() -> Case:
    model = RandomForestClassifier(20, random_state=0)
    return model.fit(IRIS, np.array(["setosa", "versicolor", "virginica"])[KIND]), with_gaps(fresh(IRIS))


CASES: dict[str, Callable[[], Case]] = {
    "svc": on_iris(SVC()),
    "svc_linear": on_iris(SVC(kernel="linear")),
    "svc_probability": on_iris(SVC(probability=True, random_state=0)),
    "svr": on_diabetes(SVR()),
    "logistic": on_iris(LogisticRegression(max_iter=500)),
    "linear": on_diabetes(LinearRegression()),
    "forest": labels_as_text,
    "forest_timestamps": timestamps,
    "boosting": on_iris(GradientBoostingClassifier(n_estimators=20, random_state=0)),
    "hist_boosting": boosted_with_gaps,
    "hist_regression": on_diabetes(HistGradientBoostingRegressor(max_iter=20, random_state=0)),
    "imputed": missing,
    "columns": columns,
    "named": named,
    "texts": texts,
    "truths": truths,
    "several_targets": several_targets,
    "several_labels": several_labels,
    "search": on_iris(GridSearchCV(SVC(), {"C": [1, 2]})),
    "neighbours": on_diabetes(KNeighborsRegressor()),
    "clusters": on_iris(KMeans(3, n_init=2, random_state=0)),
    "scaler": on_iris(StandardScaler()),
    "quantiles": on_diabetes(QuantileTransformer(n_quantiles=50)),
    "isolation": on_iris(IsolationForest(n_estimators=20, random_state=0)),
    "kernel_ridge": on_diabetes(KernelRidge(kernel="rbf")),
}

# These must be served as ONNX: most of what people train.
MUST_CONVERT = set(CASES) - {"several_labels", "neighbours", "quantiles", "isolation", "kernel_ridge", "clusters"}


def fit(name: str) -> Case:
    """Return the fitted model and its fresh inputs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return CASES[name]()
