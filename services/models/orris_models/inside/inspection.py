"""What a fitted model takes and answers, read from the model itself."""

import json
import sys

METHODS = ("predict", "predict_proba", "decision_function", "transform", "score_samples")
# Where an estimator of before scikit-learn 0.24, without n_features_in_, shows its number of columns: the last axis.
WIDTHS = (
    "coef_", "shape_fit_", "support_vectors_", "cluster_centers_", "mean_", "scale_", "means_", "theta_", "_fit_X",
    "statistics_", "components_", "feature_importances_", "data_min_", "centroids_", "X_train_",
)  # fmt: skip


def inspect(model, sample=None):
    """Return a fitted model's signature as plain values; every column is a NUMBER until it is known better."""
    documents = takes_documents(model)
    names = feature_names(model)
    width = 1 if documents else len(names) or n_features(model) or _sample_width(sample) or width_by_trial(model)
    columns = [{"name": name, "type": "NUMBER"} for name in (names or [""] * width)]
    return {
        "estimator": public_path(type(model)),
        "inputs": columns,
        "methods": [name for name in METHODS if callable_method(model, name)],
        "one_dimensional": documents,
        "accepts_nan": False,
        "classes_json": classes(model),
        "framework_version": sys.modules["sklearn"].__version__ if "sklearn" in sys.modules else "",
    }


def public_path(cls):
    """Return the shortest path that a class can be imported from: sklearn.svm.SVC, not sklearn.svm._classes.SVC."""
    parts = cls.__module__.split(".")
    for end in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:end]))
        if getattr(module, cls.__name__, None) is cls:
            return ".".join(parts[:end] + [cls.__name__])
    return cls.__module__ + "." + cls.__name__


def callable_method(model, name):
    """Whether a method can be called: SVC(probability=False) hides its predict_proba behind a property that raises."""
    try:
        return callable(getattr(model, name, None))
    except Exception:
        return False


def steps_of(model):
    """Return the estimators of a pipeline in order, a search's best estimator unwrapped; of anything else, itself."""
    model = getattr(model, "best_estimator_", model)
    if not (hasattr(model, "steps") and hasattr(model, "named_steps")):
        return [model]
    steps = [step for _, step in model.steps if step is not None and not isinstance(step, str)]
    return [inner for step in steps for inner in steps_of(step)] or [model]


def members(model):
    """Return an ensemble's fitted members, also of one that keeps them in a matrix; members may be sequences too."""
    return list(_flat(getattr(model, "estimators_", None)))


def takes_documents(model):
    """Whether the input is a list of texts: a text vectorizer comes first, in all branches of a union."""
    first = steps_of(model)[0]
    branches = getattr(first, "transformer_list", None)
    if branches:
        return all(takes_documents(branch) for _, branch in branches if not isinstance(branch, str))
    text = sys.modules.get("sklearn.feature_extraction.text")
    if text is None:
        return False
    return isinstance(first, (text.CountVectorizer, text.HashingVectorizer))


def feature_names(model):
    """Return the names of the columns that the model was fitted with; empty where it was fitted without."""
    for owner in (model, steps_of(model)[0]):
        for attribute in ("feature_names_in_", "_feature_names_in", "_df_columns"):
            names = getattr(owner, attribute, None)
            if names is not None:
                return [str(name) for name in names]
    return []


def n_features(model):
    """Return the number of columns that the model takes; 0 where that cannot be read from it."""
    for owner in (model, steps_of(model)[0]):
        for attribute in ("n_features_in_", "n_features_", "_n_features"):
            try:
                return int(getattr(owner, attribute))
            except (AttributeError, TypeError, ValueError):
                pass
    first = steps_of(model)[0]
    for attribute in WIDTHS:
        value = getattr(first, attribute, None)
        shape = value if attribute == "shape_fit_" else getattr(value, "shape", ())
        if shape:
            return int(shape[-1])
    return 0


def width_by_trial(model):
    """Return the width of a later step if the whole model takes it too: the first may be of the user's own class."""
    import numpy as np

    method = next((getattr(model, name) for name in METHODS if callable_method(model, name)), None)
    for step in steps_of(model)[1:]:
        width = n_features(step)
        try:
            if width and method is not None:
                method(np.ones((2, width)))
                return width
        except Exception:
            continue
    return 0


def classes(model):
    """Return a classifier's classes as JSON texts; empty where there are none or several sets of them."""
    found = getattr(model, "classes_", None)
    try:
        return [json.dumps(value) for value in found.tolist()]
    except (AttributeError, TypeError, ValueError):
        return []


def _flat(value):
    # A forest has a length and items like a list has: only lists and arrays are opened.
    if hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return [] if value is None or isinstance(value, (str, dict)) else [value]
    return [member for item in value for member in _flat(item)]


def _sample_width(sample):
    return len(sample[0]) if sample and isinstance(sample, list) and isinstance(sample[0], (list, dict)) else 0
