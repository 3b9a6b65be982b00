"""Upload a file to the service on a port, download it into a folder; print the most memory that took, in bytes."""

import re
import sys
from pathlib import Path

from orris.artifacts.v1.artifacts_service_pb2_grpc import ArtifactServiceStub
from orris.sdk.channel import open_channel
from orris.sdk.transfer import Transfer

port, file, folder = sys.argv[1:]
transfer = Transfer(ArtifactServiceStub(open_channel(f"127.0.0.1:{port}", "user@lab")), "lab")
transfer.download(transfer.upload({"f": Path(file)}).name, Path(folder))
# What getrusage says was inherited from the process that started this one.
(kibibytes,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
print(int(kibibytes) * 1024)
