"""What other processes see of this one: its command line and its variables, as `ps` and /proc/PID/environ tell them.

Both lie in the memory that the kernel gave the process at its start. A fork that becomes a run writes its own over
them: so people find it, and so is found what a run leaves behind.
"""

import os

_found = []  # type: list[tuple[int, int]]


def can_retitle() -> bool:
    """Say whether the kernel lets this process write there."""
    try:
        os.close(os.open("/proc/self/mem", os.O_RDWR))
        return all(begin < end for begin, end in _areas())
    except (OSError, ValueError):
        return False


def retitle(argv: "list[bytes]", env: "dict[bytes, bytes] | None" = None) -> None:
    """Have others see this command line and these variables, as far as there is room for them; None: as they are."""
    memory = os.open("/proc/self/mem", os.O_RDWR)
    try:
        arguments, variables = _areas()
        _fill(memory, arguments, argv)
        if env is not None:
            entries = [name + b"=" + value for name, value in env.items()]
            # What marks a run is first: of the others some may be cut off.
            _fill(memory, variables, sorted(entries, key=lambda entry: not entry.startswith(b"ORRIS_RUN")))
    except OSError:
        pass
    finally:
        os.close(memory)


def _fill(memory: int, area: "tuple[int, int]", words: "list[bytes]") -> None:
    begin, end = area
    content = b"".join(word + b"\0" for word in words)[: end - begin - 1]
    os.pwrite(memory, content.ljust(end - begin, b"\0"), begin)


def _areas() -> "list[tuple[int, int]]":
    """Return where the arguments and the variables lie, in forks of this process as well."""
    if not _found:
        _found.extend(_look())
    return _found


def _look() -> "list[tuple[int, int]]":
    """Read fields 48 to 51 of /proc/PID/stat (proc(5))."""
    descriptor = os.open("/proc/self/stat", os.O_RDONLY)
    try:
        fields = os.read(descriptor, 4096).rpartition(b")")[2].split()
    finally:
        os.close(descriptor)
    arguments, arguments_end, variables, variables_end = [int(field) for field in fields[45:49]]
    return [(arguments, arguments_end), (variables, variables_end)]
