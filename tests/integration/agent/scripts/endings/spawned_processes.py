import multiprocessing
def double(x): return 2 * x
if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(2) as pool: print(pool.map(double, range(5)))
