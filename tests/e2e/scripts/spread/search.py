"""A search as it is written for one machine. Its score tells the machine, too: the process of the raylet there."""

import os
import time

import features
import numpy as np
from joblib import Parallel, delayed
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

from azureml.core import Run


def score(model, x, y):
    time.sleep(0.3)
    return {"accuracy": model.score(x, y), "machine": os.getppid(), "features": features.COUNT}


def fail(number):
    if number == 3:
        raise ValueError(f"number {number} is not wanted")
    return number


x, y = load_iris(return_X_y=True)
search = GridSearchCV(
    SVC(), {"C": [0.5, 1.0, 1.5], "kernel": ["linear", "rbf"]}, scoring=score, refit="accuracy", n_jobs=-1
)
search.fit(x, y)
machines = {int(search.cv_results_[f"split{split}_test_machine"][row]) for split in range(5) for row in range(6)}
again = Parallel(n_jobs=-1)(delayed(os.getppid)() for _ in range(12))
large = np.ones((500, 600))
sums = Parallel(n_jobs=-1)(delayed(np.sum)(large * factor) for factor in range(6)) + Parallel(2)(
    [delayed(np.sum)(large)]
)
streamed = list(Parallel(n_jobs=-1, return_as="generator")(delayed(abs)(-number) for number in range(8)))
forest = RandomForestClassifier(n_jobs=-1, random_state=0).fit(x, y)
try:
    Parallel(n_jobs=-1)(delayed(fail)(number) for number in range(6))
except ValueError as error:
    failure = str(error)

run = Run.get_context()
run.log("accuracy", search.best_score_)
run.log("machines", len(machines - {os.getppid()}))
run.log("features", float(search.cv_results_["mean_test_features"].max()))
run.log("forest", forest.score(x, y))
run.log("failure", failure)
run.log("streamed", sum(streamed))
run.log("sums", sum(map(float, sums)))
run.log("same", set(again) <= machines)
