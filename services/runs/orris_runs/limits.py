"""How much of everything is accepted. Generous for people, finite for programs gone wrong."""

# Azure's limits (50 tags, 50 properties, 1,000 characters, 250 rows a batch) are all below these.
TAGS = 100
LABEL_KEY = 255
LABEL_VALUE = 4096
DISPLAY_NAME = 255

ARGUMENTS = 4096
# What a kernel passes to a program is 2 MiB, and a single argument is at most 128 KiB on Linux.
ARGUMENT_BYTES = 128 * 1024
ARGUMENTS_BYTES = 512 * 1024
VARIABLES = 512
VARIABLE_NAME = 255
VARIABLES_BYTES = 128 * 1024
PATH_BYTES = 4096
TIME_LIMIT_SECONDS = 366 * 24 * 3600
DEFAULT_TIME_LIMIT_SECONDS = 30 * 24 * 3600

# In seconds: an agent whose programs end sooner is leased runs ahead, one for each slot.
SOON_SECONDS = 1.0

WARNINGS = 50
WARNING_CHARACTERS = 1000
REASON_CHARACTERS = 1000
MESSAGE_CHARACTERS = 3000
DETAILS_CHARACTERS = 8 * 1024
LEFT_BEHIND = 100
# Versions of datasets that a run reads beside its inputs.
DATASETS_READ = 1000

LOG_FILES = 1000
# What an index of PostgreSQL takes.
LOG_NAME_BYTES = 2048
LOG_APPEND_BYTES = 1024 * 1024
LOG_READ_BYTES = 1024 * 1024
# Appends are gathered in rows of about this size.
LOG_ROW_BYTES = 64 * 1024
# A finished log larger than this moves to the artifacts.
LOG_ROWS_KEPT_BYTES = 64 * 1024

# A log becomes blobs of this size while it grows; what is behind the last of them is rows.
LOG_SEGMENT_BYTES = 8 * 1024 * 1024
# How large a log may become.
LOG_CAP_BYTES = 4 * 1024**3

# Of interactive runs, in seconds: silent for so long, they do not respond; for so long, they have failed.
SESSION_PATIENCE_SECONDS = 120.0
SESSION_SECONDS = 24 * 3600.0
LABEL_CHARACTERS = 255
# How far below a run its token reaches.
GENERATIONS = 10
# How many runs a run may begin directly below one.
CHILDREN = 10_000

# How much of a deleted run goes in one transaction.
METRICS_REMOVED = 10_000
LOG_ROWS_REMOVED = 200
CHILDREN_DELETED = 10_000

EVENTS = 1000
# Samples of what a run uses, at a time; and of one run, when every other is dropped.
USAGE_APPENDED = 1000
USAGE_SAMPLES = 500
METRIC_NAME = 255
METRIC_TEXT = 8 * 1024
COLUMNS = 100

PRIORITY = 100
RETRIES = 100
CONCURRENT_RUNS = 1_000_000

SLOTS = 4096
# What a run may ask for: from what Docker takes to more than any machine has.
LEAST_CPUS = 0.01
CPUS = 65_536
LEAST_MEMORY_BYTES = 6 * 1024**2
MEMORY_BYTES = 1024**5
PIDS = 4_194_304
GPUS = 1024
LEASES_RENEWED = 10_000
# A run whose agents are lost again and again before it started may be what loses them.
ATTEMPTS = 3

# Words for what an agent knows how to do.
ABILITIES = 100

# Nodes of a pool, and of those that are gone how many are remembered.
NODES = 10_000
NODES_LISTED = 1000
NODES_REMEMBERED = 100
IDLE_SECONDS = 30 * 24 * 3600.0
INPUTS = 200
OUTPUTS_TO = 20
GLOBS = 100
# A lease is one message, of at most 4 MiB.
DATA_BYTES = 1024 * 1024
DATASET_DESCRIPTION = 4096
DATASET_TAGS = 50
DATASET_TAG_VALUE = 1000
