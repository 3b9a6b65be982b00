"""Who may hand out which token. A caller hands out at most its own rights."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from orris.errors import InvalidArgument, PermissionDenied, Unauthenticated
from orris_kit.auth import EVERY_WORKSPACE, Principal, Role, TokenSigner, TokenVerifier
from orris_kit.files import replace
from orris_runs.model import Run

DEFAULT_LIFETIME = timedelta(days=30)
MAX_LIFETIME = timedelta(days=366)
ROTATE_BEFORE = timedelta(days=7)
# A run's token outlives its program: outputs are kept and models registered after it has ended.
AFTER_RUN = timedelta(days=1)

# Of every workspace, a user looks after the installation: agents are added by people.
_MAY_GRANT = {
    (Role.USER, False): frozenset({Role.USER, Role.READER}),
    (Role.USER, True): frozenset({Role.USER, Role.READER, Role.AGENT}),
    (Role.SERVICE, False): frozenset({Role.USER, Role.READER}),
    (Role.SERVICE, True): frozenset({Role.USER, Role.READER, Role.AGENT, Role.SERVICE}),
    (Role.READER, False): frozenset({Role.READER}),
    (Role.READER, True): frozenset({Role.READER}),
}
# What executes runs, and what serves all, has no use for one workspace.
_EVERYWHERE = frozenset({Role.AGENT, Role.SERVICE})


class Tokens:
    """Makes tokens with the installation's key."""

    def __init__(self, signer: TokenSigner, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._signer = signer
        self._now = now

    def create(
        self, caller: Principal, workspace: str, role: Role, lifetime: timedelta | None, subject: str
    ) -> tuple[str, datetime]:
        """Return a token and when it ends. Raises PermissionDenied (ROLE_NOT_GRANTED), InvalidArgument."""
        lifetime = DEFAULT_LIFETIME if lifetime is None else lifetime
        if not timedelta(seconds=1) <= lifetime <= MAX_LIFETIME:
            raise InvalidArgument("lifetime: 1 second to 366 days", field="lifetime")
        if len(subject) > 255 or not subject.isprintable():
            raise InvalidArgument("subject: at most 255 printable characters", field="subject")
        check_grant(caller, workspace, role)
        token = self._signer.sign(Principal(subject or caller.subject, role, workspace), lifetime)
        return token, self._now() + lifetime

    def for_run(self, run: Run) -> str:
        """Return the token of a run: for itself, as long as it may run and a day more."""
        limit = run.program.time_limit
        lifetime = MAX_LIFETIME if limit is None else timedelta(seconds=limit) + AFTER_RUN
        return self._signer.sign(Principal(run.id, Role.RUN, run.workspace, run.id), lifetime)

    def write(self, path: Path, subject: str, role: Role) -> None:
        """Keep a token for every workspace in a file that only this user can read; a new one in its last week."""
        principal = Principal(subject, role)
        if not _is_good(path, principal, self._signer.public_key, self._now() + ROTATE_BEFORE):
            replace(path, self._signer.sign(principal, MAX_LIFETIME).encode() + b"\n", mode=0o600)


def check_grant(caller: Principal, workspace: str, role: Role) -> None:
    """Raise PermissionDenied (ROLE_NOT_GRANTED) unless the caller may hand out that role in that workspace."""
    everywhere = caller.workspace == EVERY_WORKSPACE
    if role not in _MAY_GRANT.get((caller.role, everywhere), frozenset()) or not caller.may_enter(workspace):
        message = f"a token of the role {caller.role} in {caller.workspace!r} cannot hand out {role} in {workspace!r}"
        raise PermissionDenied(message, reason="ROLE_NOT_GRANTED")
    if role in _EVERYWHERE and workspace != EVERY_WORKSPACE:
        raise InvalidArgument(f"a token of the role {role} is for every workspace: workspaces/-", field="parent")


def _is_good(path: Path, principal: Principal, public_key: Path, until: datetime) -> bool:
    """Tell whether a file holds a principal's token that is valid beyond a moment."""
    verifier = TokenVerifier(public_key, clock=until.timestamp)
    try:
        return verifier.authenticate(path.read_text().strip()) == principal
    except (FileNotFoundError, UnicodeDecodeError, Unauthenticated):
        return False
