# A script as users wrote them for Azure ML's SDK v1. np.str and np.float went with NumPy 1.24.
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
    parser.add_argument("--kernel", type=str, default="linear", help="Kernel type to be used in the algorithm")
    parser.add_argument("--penalty", type=float, default=1.0, help="Penalty parameter of the error term")
    args = parser.parse_args()
    run.log("Kernel type", np.str(args.kernel))
    run.log("Penalty", np.float(args.penalty))

    iris = datasets.load_iris()
    x_train, x_test, y_train, y_test = train_test_split(iris.data, iris.target, random_state=0)

    svm_model_linear = SVC(kernel=args.kernel, C=args.penalty).fit(x_train, y_train)
    svm_predictions = svm_model_linear.predict(x_test)

    accuracy = svm_model_linear.score(x_test, y_test)
    print(f"Accuracy of SVM classifier on test set: {accuracy:.2f}")
    run.log("Accuracy", np.float(accuracy))
    print(confusion_matrix(y_test, svm_predictions))

    os.makedirs("outputs", exist_ok=True)
    joblib.dump(svm_model_linear, "outputs/model.joblib")


if __name__ == "__main__":
    main()
