import os
pid = os.fork()
print(pid and os.waitpid(pid, 0)[1], 'child' if pid == 0 else 'parent', flush=True)
