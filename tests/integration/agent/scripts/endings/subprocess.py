import subprocess, sys
print(subprocess.check_output([sys.executable, '-c', 'import sys; print(sys.argv)', 'a']))
