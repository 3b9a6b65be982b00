"""What run() returned, as HTTP."""

import json

FAILED = ("x-ms-run-function-failed", "True")
UNEXPECTED = "An unexpected error occurred in scoring script. Check the logs for more info."
# These are of a connection, or follow from the body.
_NOT_THE_SCRIPTS = ("connection", "content-length", "date", "keep-alive", "server", "trailer", "transfer-encoding",
                    "upgrade")  # fmt: skip


def answer_of(result):
    """Return status, body and headers: of a response as the script made it, of all else as JSON.

    Raises TypeError, ValueError for what is no JSON.
    """
    if not _is_response(result):
        return 200, json.dumps(result).encode("utf-8"), []
    status = int(result.status_code)
    headers = [_clean(name, value) for name, value in result.headers.items()]
    headers = [(name, value) for name, value in headers if name.lower() not in _NOT_THE_SCRIPTS]
    if status >= 500:
        headers = [(name, value) for name, value in headers if name.lower() != FAILED[0]] + [FAILED]
    return status, bytes(result.get_data()), headers


def failure(message, status=500):
    """Return status, body and headers that tell a failure; one of the script unless `status` says otherwise."""
    return (status, json.dumps({"message": message}).encode("utf-8"), [FAILED] if status >= 500 else [])


def _is_response(result):
    """AMLResponse, or flask's where the script's environment has it."""
    return all(hasattr(result, name) for name in ("status_code", "headers", "get_data"))


def _clean(name, value):
    """A line break in a header would begin another one."""
    return "".join(str(name).split()), " ".join(str(value).splitlines()).encode("latin-1", "replace").decode("latin-1")
