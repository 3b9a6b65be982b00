from joblib import Parallel, delayed
def double(x): return 2 * x
print(Parallel(n_jobs=2)(delayed(double)(x) for x in range(5)))
