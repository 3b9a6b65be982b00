"""How much one request may carry. Bytes are those of the contents, not of the messages."""

MIB = 1024 * 1024

MAX_BLOB_BYTES = 16 * MIB
# gRPC refuses messages over 4 MiB by default, on both sides: what is sent in one stays well below.
MAX_BATCH_BYTES = 3 * MIB
MESSAGE_BYTES = MIB

MAX_DIGESTS = 10_000

MAX_TREE_ENTRIES = 1_000_000
MAX_TREE_MANIFEST_BYTES = 256 * MIB
# Over all trees that are being created at one time: an entry takes about 600 bytes until its tree is stored.
MAX_OPEN_ENTRIES = 2 * MAX_TREE_ENTRIES
# One entry must fit into one message: a chunk takes 75 bytes there. So a file is at most 512 GiB.
MAX_CHUNKS = 32_768
MAX_MODE = 0o777

MAX_TARGETS = 10_000
MAX_REFERENCES = 1000
MAX_OWNER_CHARACTERS = 1024
MAX_DIRECT = 1000
