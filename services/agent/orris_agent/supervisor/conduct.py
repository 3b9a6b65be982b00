"""The run from its start to its record."""

from orris_agent.supervisor.ending import GRACE_SECONDS, LEFTOVER_GRACE_SECONDS, end
from orris_agent.supervisor.program import CannotStart
from orris_agent.supervisor.run import Run


def conduct(run: Run) -> None:
    """Execute the run and record how it ended, also when the supervisor itself fails."""
    try:
        reason, message = execute(run)
    except Exception:
        import traceback

        reason, message = None, "the supervisor failed: " + traceback.format_exc()
        end(run, 0.0)
    from orris_agent.supervisor.exit_record import record

    record(run, reason, message)


def execute(run: Run) -> "tuple[str | None, str]":
    """Execute the run to its end; return the reason that ended it, if not itself, and a message."""
    reason = run.reason_to_end()
    if reason is None:
        try:
            run.start()
        except CannotStart as error:
            return "start_failed", str(error)
        except OSError as error:
            return "start_failed", "cannot start the run: %s" % error
        # Slow (it imports json): now, while the run starts, and not when its end is waited for.
        import orris_agent.supervisor.exit_record  # noqa: F401

        reason = run.watch()
    if reason is None:
        end(run, LEFTOVER_GRACE_SECONDS)
        return ("lost", "what its program was forked by was killed") if run.children.is_lost else (None, "")
    end(run, 0.0 if reason in ("lease_lost", "out_of_memory") else GRACE_SECONDS)
    messages = {
        "canceled": "canceled",
        "time_limit": "ended because it ran longer than its limit of %s seconds" % run.limit,
        "lease_lost": "ended because its machine lost contact and its lease ran out",
        "out_of_memory": "used %s of memory and was given %s" % (_size(run.used_up), _size(run.memory_limit)),
    }
    return reason, messages[reason]


def _size(count: int) -> str:
    return "%.4g GiB" % (count / 1024.0**3) if count >= 1024**3 else "%.4g MiB" % (count / 1024.0**2)
