def f():
    g()
def g():
    raise ValueError('é')
f()
