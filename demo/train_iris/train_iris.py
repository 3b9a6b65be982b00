"""Train a support vector machine on the iris data set, as people wrote such scripts for Azure ML.

It uses `np.str`, which NumPy removed in 1.24: old environments are part of the story.
"""

import argparse
import os

import joblib
import numpy as np
from sklearn import datasets
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC

from azureml.core.run import Run

run = Run.get_context()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", type=str, default="linear", help="kernel of the support vector machine")
    parser.add_argument("--penalty", type=float, default=1.0, help="penalty of the error term")
    arguments = parser.parse_args()
    run.log("Kernel type", np.str(arguments.kernel))
    run.log("Penalty", np.float(arguments.penalty))

    features, species = datasets.load_iris(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, species, random_state=0)
    model = SVC(kernel=arguments.kernel, C=arguments.penalty).fit(train_x, train_y)

    accuracy = model.score(test_x, test_y)
    print(f"Accuracy of SVM classifier on test set: {accuracy:.2f}")
    run.log("Accuracy", np.float(accuracy))
    print(confusion_matrix(test_y, model.predict(test_x)))

    os.makedirs("outputs", exist_ok=True)
    joblib.dump(model, "outputs/model.joblib")


if __name__ == "__main__":
    main()
