"""What the kernel says of the memory of this process's container."""

# As a container sees its own control group, of version 2 and 1 (Linux: admin-guide/cgroup-v2, cgroup-v1/memory).
EVENTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")


def memory_was_used_up() -> bool:
    """Say whether the kernel has killed a process of the container because there was no memory left for it."""
    for path in EVENTS:
        try:
            with open(path) as file:
                counts = dict(line.split(None, 1) for line in file)
            return int(counts.get("oom_kill", "0")) > 0
        except (OSError, ValueError):
            pass  # the other version, or none
    return False
