"""Tokens: a caller hands out at most its own rights."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from orris.errors import InvalidArgument, PermissionDenied
from orris_kit.auth import Principal, Role, TokenSigner, TokenVerifier
from orris_runs.tokens import Tokens, check_grant

from .conftest import World

ADMIN = Principal("root", Role.USER)
ADA = Principal("ada", Role.USER, "lab")


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(TokenSigner(tmp_path / "signing.key"))


def test_a_token_says_who_holds_it(tokens: Tokens, tmp_path: Path) -> None:
    token, expiry = tokens.create(ADMIN, "lab", Role.READER, timedelta(hours=1), "bob")
    verifier = TokenVerifier(tmp_path / "signing.pub")
    assert verifier.authenticate(token) == Principal("bob", Role.READER, "lab")
    assert timedelta(minutes=59) < expiry - datetime.now(UTC) <= timedelta(hours=1)


def test_nobody_hands_out_more_than_they_have() -> None:
    rank = {Role.RUN: 0, Role.READER: 1, Role.USER: 2, Role.SERVICE: 3}
    for mine, theirs in product(rank, rank):
        if rank[theirs] > rank[mine]:
            with pytest.raises(PermissionDenied):
                check_grant(Principal("x", mine), "-", theirs)


@pytest.mark.parametrize(
    ("caller", "workspace", "role"),
    [
        (ADA, "other", Role.USER),
        (ADA, "-", Role.USER),
        (ADA, "lab", Role.SERVICE),
        (ADA, "lab", Role.AGENT),
        (ADA, "lab", Role.RUN),
        (ADMIN, "-", Role.SERVICE),
        (Principal("bob", Role.READER, "lab"), "lab", Role.USER),
        (Principal("a", Role.AGENT), "-", Role.AGENT),
    ],
)
def test_what_is_not_theirs_is_refused(caller: Principal, workspace: str, role: Role) -> None:
    with pytest.raises(PermissionDenied) as caught:
        check_grant(caller, workspace, role)
    assert caught.value.reason == "ROLE_NOT_GRANTED"


def test_an_agent_is_of_every_workspace() -> None:
    check_grant(ADMIN, "-", Role.AGENT)
    with pytest.raises(InvalidArgument):
        check_grant(ADMIN, "lab", Role.AGENT)


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(days=-1), timedelta(days=367)])
def test_lifetimes_have_limits(tokens: Tokens, lifetime: timedelta) -> None:
    with pytest.raises(InvalidArgument):
        tokens.create(ADMIN, "lab", Role.USER, lifetime, "")


def test_a_runs_token_is_of_the_run_alone(tokens: Tokens, tmp_path: Path, world: World) -> None:
    run = world.submit()
    holder = TokenVerifier(tmp_path / "signing.pub").authenticate(tokens.for_run(run))
    assert (holder.role, holder.workspace, holder.run) == (Role.RUN, "default", run.id)


def test_a_token_file_is_private_and_renewed_in_its_last_week(tmp_path: Path) -> None:
    path, now = tmp_path / "user.token", datetime.now(UTC)
    signer = TokenSigner(tmp_path / "signing.key")
    Tokens(signer).write(path, "user", Role.USER)
    first = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    Tokens(signer, lambda: now + timedelta(days=350)).write(path, "user", Role.USER)
    assert path.read_text() == first
    later = Tokens(
        TokenSigner(tmp_path / "signing.key", clock=lambda: now.timestamp() + 10), lambda: now + timedelta(days=360)
    )
    later.write(path, "user", Role.USER)
    assert path.read_text() != first


def test_a_token_of_another_key_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "user.token"
    Tokens(TokenSigner(tmp_path / "old.key")).write(path, "user", Role.USER)
    Tokens(TokenSigner(tmp_path / "new.key")).write(path, "user", Role.USER)
    assert TokenVerifier(tmp_path / "new.pub").authenticate(path.read_text().strip()) == Principal("user", Role.USER)
