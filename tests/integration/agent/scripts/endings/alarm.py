import signal, time
signal.signal(signal.SIGALRM, lambda *_: print('rang'))
signal.alarm(1)
signal.pause()
