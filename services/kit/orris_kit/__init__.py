"""What every Orris service needs: server, client, auth, config, logging, lifecycle, database."""

import os

# Services start programs, and never fork to go on themselves. gRPC reads this when it is imported, which is after this.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # noqa: TID251  # nobody's setting: gRPC has no other way
