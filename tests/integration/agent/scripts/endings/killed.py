import os
print('x')
os.kill(os.getpid(), 9)
