import numpy
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
x, y = load_iris(return_X_y=True)
print(GridSearchCV(SVC(), {'C': [1, 2]}, n_jobs=2).fit(x, y).best_score_)
