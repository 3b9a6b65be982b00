"""Says when it began."""

import time

print(time.time(), flush=True)
