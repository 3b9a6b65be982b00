import sys
def hook(kind, error, trace):
    print(kind, error, trace.tb_next, trace.tb_frame.f_code.co_name)
sys.excepthook = hook
1 / 0
