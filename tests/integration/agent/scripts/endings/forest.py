from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
x, y = load_iris(return_X_y=True)
print(RandomForestClassifier(n_jobs=2, random_state=0).fit(x, y).score(x, y))
