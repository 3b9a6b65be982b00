import multiprocessing
if __name__ == '__main__':
    with multiprocessing.Manager() as m: print(list(m.list([1, 2])))
