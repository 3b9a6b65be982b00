"""Train models of several kinds, and write down what scikit-learn itself answers here."""

import os

import joblib
import numpy
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

random = numpy.random.RandomState(0)
complete = random.gamma(2.0, size=(1000, 4))
missing = numpy.where(random.rand(*complete.shape) < 0.1, numpy.nan, complete)
classes = (complete.sum(axis=1) > 8).astype(int) + (complete[:, 0] > 3)
names = numpy.array(["small", "medium", "large"])[classes]

os.mkdir("outputs")
for name, rows, answers, model in (
    ("v2-graph", complete, classes, LogisticRegression(max_iter=1000)),
    ("v2-nan-graph", missing, classes, HistGradientBoostingClassifier(max_iter=10)),
    # No graph can be made of any function: these are served by the original.
    ("v2-original", complete, names, make_pipeline(FunctionTransformer(numpy.log1p), RandomForestClassifier(10))),
    (
        "v2-nan-original",
        missing,
        classes,
        make_pipeline(FunctionTransformer(numpy.abs), HistGradientBoostingClassifier(max_iter=10)),
    ),
):
    model.fit(rows, answers)
    joblib.dump(model, f"outputs/{name}.joblib")
    numpy.savez(f"outputs/{name}.npz", rows=rows, predict=model.predict(rows), predict_proba=model.predict_proba(rows))
