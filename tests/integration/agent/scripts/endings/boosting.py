from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
x, y = load_iris(return_X_y=True)
print(HistGradientBoostingClassifier(random_state=0, max_iter=5).fit(x, y).score(x, y))
