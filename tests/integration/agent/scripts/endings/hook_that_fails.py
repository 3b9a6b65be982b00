import sys
def hook(*_):
    raise KeyError('in the hook')
sys.excepthook = hook
1 / 0
