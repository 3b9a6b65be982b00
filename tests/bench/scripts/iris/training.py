"""What the demo script does, as a function for whoever asks: no word of Orris or of Ray."""

import os

import joblib
from sklearn import datasets
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import train_test_split
from sklearn.svm import SVC


def train(kernel: str, penalty: float) -> float:
    """Train, keep the model in outputs/, return its accuracy."""
    features, species = datasets.load_iris(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(features, species, random_state=0)
    model = SVC(kernel=kernel, C=penalty).fit(train_x, train_y)
    accuracy = float(model.score(test_x, test_y))
    print(f"Accuracy of SVM classifier on test set: {accuracy:.2f}")
    print(confusion_matrix(test_y, model.predict(test_x)))
    os.makedirs("outputs", exist_ok=True)
    joblib.dump(model, "outputs/model.joblib")
    return accuracy
