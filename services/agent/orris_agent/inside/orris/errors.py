"""What Orris answers when something cannot be done, as far as a run can meet it: named as in the client's library."""


class OrrisError(Exception):
    """Anything that Orris refuses or fails to do."""


class InvalidArgument(OrrisError):
    """An argument cannot be accepted."""


class NotFound(OrrisError):
    """What was named does not exist."""


class AlreadyExists(OrrisError):
    """What was to be made exists."""


class FailedPrecondition(OrrisError):
    """Not in this state, or not here."""


class Conflict(OrrisError):
    """Somebody else changed it at the same time."""


class PermissionDenied(OrrisError):
    """A run may not do this."""


class Unauthenticated(OrrisError):
    """The run's token is not accepted."""


class ResourceExhausted(OrrisError):
    """A limit is reached."""


class Unimplemented(OrrisError):
    """The agent does not know the request."""


class Unavailable(OrrisError):
    """The agent or a service does not answer."""


class DataLoss(OrrisError):
    """Stored bytes are damaged."""


class Internal(OrrisError):
    """A defect in Orris."""
